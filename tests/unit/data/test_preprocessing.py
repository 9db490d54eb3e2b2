import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from secateur.data.preprocessing import (
    Preprocessing,
    parse_preprocessing,
    resolve,
)
from secateur.data.presets import IMAGENET_MEAN, IMAGENET_STD
from secateur.errors import UserError
from secateur.model.description import Port

COLOUR = Port("image", "float32", (None, 3, 8, 8))
GREY = Port("image", "float32", (None, 1, 8, 8))
ANY_SIZE = Port("image", "float32", (None, 3, None, None))
CHANNELS_LAST = Port("image", "float32", (None, 8, 8, 3))


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


@given(
    scale=st.floats(1e-3, 1),
    mean=st.floats(-2, 2),
    std=st.floats(0.05, 4),
    layout=st.sampled_from(["nchw", "nhwc"]),
)
def test_what_was_normalised_comes_back_to_the_same_pixels(scale, mean, std, layout):
    rule = Preprocessing(resize=(4, 5), mean=(mean,) * 3, std=(std,) * 3, scale=scale, layout=layout)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(rule.denormalise(rule.normalise(pixels)), pixels)


def test_normalising_is_scale_then_mean_then_std_of_each_channel():
    rule, _ = resolve(Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD), COLOUR, (8, 8))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    expected = (pixels / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    np.testing.assert_allclose(rule.normalise(pixels), expected.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)


def test_layout_nhwc_keeps_the_channels_last():
    rule, _ = resolve(Preprocessing(), CHANNELS_LAST, (8, 8))
    assert rule.layout == "nhwc"
    assert rule.normalise(np.zeros((2, 8, 8, 3), np.uint8)).shape == (2, 8, 8, 3)


@pytest.mark.parametrize(
    ("takes", "wanted", "fed"),
    [("float32", None, "float32"), ("float16", None, "float16"), ("float32", "float16", "float16")],
)
def test_fed_numbers_have_the_type_of_the_network_unless_another_is_asked_for(takes, wanted, fed):
    rule, _ = resolve(Preprocessing(dtype=wanted), Port("image", takes, (None, 3, 8, 8)), (8, 8))
    assert rule.normalise(np.zeros((1, 8, 8, 3), np.uint8)).dtype == fed


def test_images_for_a_network_that_takes_whole_numbers_are_refused():
    with pytest.raises(UserError, match="uint8"):
        resolve(Preprocessing(), Port("image", "uint8", (None, 3, 8, 8)), (8, 8))


@pytest.mark.parametrize("size", [(8, 8), (10, 30), (40, 9), (3, 3)])
def test_without_sizes_every_image_gets_the_size_of_the_input(size):
    rule, _ = resolve(Preprocessing(), COLOUR, size)
    assert rule.apply_uint8(noise(*size)).shape == (8, 8, 3)


@pytest.mark.parametrize("size", [(8, 8), (10, 30), (40, 9), (3, 3)])
def test_resize_and_crop_end_in_the_size_of_the_crop(size):
    rule, _ = resolve(Preprocessing(resize=12, crop=8), COLOUR, size)
    assert rule.apply_uint8(noise(*size)).shape == (8, 8, 3)


def test_an_image_that_has_the_size_already_is_not_touched():
    rule, _ = resolve(Preprocessing(), COLOUR, (8, 8))
    image = noise(8, 8)
    np.testing.assert_array_equal(rule.apply_uint8(image), np.asarray(image))


def test_the_crop_is_the_middle_of_the_image():
    rule, _ = resolve(Preprocessing(crop=8), COLOUR, (12, 12))
    image = noise(12, 12)
    np.testing.assert_array_equal(rule.apply_uint8(image), np.asarray(image)[2:10, 2:10])


def test_a_colour_image_becomes_grey_for_a_grey_network():
    rule, _ = resolve(Preprocessing(), GREY, (8, 8))
    assert rule.apply_uint8(noise(8, 8)).shape == (8, 8, 1)


def test_a_grey_image_becomes_colour_for_a_colour_network():
    rule, _ = resolve(Preprocessing(), COLOUR, (8, 8))
    pixels = rule.apply_uint8(noise(8, 8).convert("L"))
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])


def test_colour_without_mean_and_std_gets_imagenets_and_says_so():
    rule, notes = resolve(Preprocessing(), COLOUR, (8, 8))
    assert (rule.mean, rule.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert any("ImageNet" in note for note in notes)


def test_grey_without_mean_and_std_is_scaled_to_one_and_says_so():
    rule, notes = resolve(Preprocessing(), GREY, (8, 8))
    fed = rule.normalise(np.full((1, 8, 8, 1), 255, np.uint8))
    assert fed.max() == pytest.approx(1)
    assert any("0…1" in note for note in notes)


def test_one_mean_for_a_colour_network_counts_for_every_channel():
    rule, notes = resolve(Preprocessing(mean=(0.5,), std=(0.25,)), COLOUR, (8, 8))
    assert rule.mean == (0.5, 0.5, 0.5)
    assert notes == ()


def test_a_network_of_any_size_takes_the_size_of_the_first_image_and_says_so():
    rule, notes = resolve(Preprocessing(), ANY_SIZE, (20, 30))
    assert rule.size == (20, 30)
    assert any("30 × 20" in note for note in notes)


def test_a_resolved_preprocessing_resolves_to_itself():
    rule, _ = resolve(Preprocessing(resize=12, crop=8), COLOUR, (8, 8))
    assert resolve(rule, COLOUR, (50, 50)) == (rule, ())


def test_a_crop_of_another_size_than_the_input_names_both():
    with pytest.raises(UserError, match=r"224 × 224.*8 × 8"):
        resolve(Preprocessing(crop=224), COLOUR, (8, 8))


def test_three_means_for_a_grey_network_are_refused():
    with pytest.raises(UserError, match="1 channel"):
        resolve(Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD), GREY, (8, 8))


def test_images_for_a_network_that_takes_vectors_are_refused():
    with pytest.raises(UserError, match="no batch of images"):
        resolve(Preprocessing(), Port("x", "float32", (None, 16)), (8, 8))


def test_images_for_a_network_of_seven_channels_are_refused():
    with pytest.raises(UserError, match="7 channels"):
        resolve(Preprocessing(), Port("x", "float32", (None, 7, 8, 8)), (8, 8))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"reszie": 8}, "reszie"),
        ({"resize": 0}, "resize"),
        ({"resize": "big"}, "resize"),
        ({"std": [0.1, 0, 0.1]}, "std"),
        ({"mean": [0.5, 0.5]}, "mean"),
        ({"mean": [0.5], "std": [0.5, 0.5, 0.5]}, "mean and std"),
        ({"scale": -1}, "scale"),
        ({"layout": "chwn"}, "layout"),
        ({"dtype": "int4"}, "dtype"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(values, named):
    with pytest.raises(UserError, match=named):
        parse_preprocessing(values, "data.yaml")


def test_every_field_says_what_it_is_for():
    for name, field in Preprocessing.model_fields.items():
        assert field.title, name
        assert field.description, name
