"""What is done to images as they are read is right, and is told."""

import numpy as np
import pytest
from PIL import Image

from secateur.data.arrays import Arrays
from secateur.data.preprocessing import Preprocessing
from secateur.data.remarks import Remark, Remarks
from secateur.data.samples import decode
from secateur.data.source import DataSource
from secateur.data.sources import open_data

PLAIN = {"layout": "nchw", "dtype": "float32"}
GREY = Preprocessing(resize=(8, 8), mean=(0.0,), std=(1.0,), **PLAIN)
COLOUR = Preprocessing(resize=(8, 8), mean=(0.0,) * 3, std=(1.0,) * 3, **PLAIN)
RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8)


def read(path, preprocessing):
    return preprocessing.apply_and_tell(decode(path, str(path)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_fed_as_a_person_sees_it(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {1: RAMP, 2: RAMP[:, ::-1], 3: RAMP[::-1, ::-1], 4: RAMP[::-1], 5: RAMP.T, 6: np.rot90(RAMP),
              7: np.rot90(RAMP, 2).T, 8: np.rot90(RAMP, -1)}  # fmt: skip
    path = tmp_path / "photo.png"
    Image.fromarray(np.ascontiguousarray(turned[orientation])).save(path, exif=exif)
    pixels, remarks = read(path, GREY)
    np.testing.assert_array_equal(pixels[..., 0], RAMP)
    assert remarks == ((Remark.TURNED,) if orientation > 1 else ())


def test_sixteen_bits_are_cut_to_the_upper_eight_and_told(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(RAMP.astype(np.uint16) * 256 + 77).save(path)
    pixels, remarks = read(path, GREY)
    np.testing.assert_array_equal(pixels[..., 0], RAMP)
    assert remarks == (Remark.CUT_TO_8_BITS,)


def test_wide_pixels_of_eight_bits_stay_what_they_are(tmp_path):
    path = tmp_path / "wide.tif"
    Image.fromarray(RAMP.astype(np.int32)).save(path)
    pixels, remarks = read(path, GREY)
    np.testing.assert_array_equal(pixels[..., 0], RAMP)
    assert remarks == ()


def test_transparency_is_told_where_there_is_some():
    opaque = Image.fromarray(np.dstack([RAMP] * 3 + [np.full_like(RAMP, 255)]))
    clear = Image.fromarray(np.dstack([RAMP] * 4))
    assert COLOUR.apply_and_tell(opaque)[1] == ()
    assert COLOUR.apply_and_tell(clear)[1] == (Remark.WITHOUT_ALPHA,)


def test_grey_made_colour_and_colour_made_grey_are_told():
    grey = Image.fromarray(RAMP)
    assert COLOUR.apply_and_tell(grey)[1] == (Remark.COLOURED,)
    assert GREY.apply_and_tell(grey)[1] == ()
    assert GREY.apply_and_tell(grey.convert("RGB"))[1] == ()
    coloured = Image.fromarray(np.dstack([RAMP, RAMP, RAMP[::-1]]))
    assert GREY.apply_and_tell(coloured)[1] == (Remark.GREYED,)
    assert COLOUR.apply_and_tell(coloured)[1] == ()


def test_a_black_border_is_told():
    cut = COLOUR.model_copy(update={"resize": None, "crop": 12})
    assert cut.apply_and_tell(Image.fromarray(np.dstack([RAMP] * 3)))[1] == (Remark.BORDERED,)


def test_only_the_first_picture_of_several_is_told(tmp_path):
    path = tmp_path / "film.gif"
    first, second = (Image.fromarray(values).convert("RGB") for values in (RAMP * 4, RAMP[::-1] * 4))
    first.save(path, save_all=True, append_images=[second])
    assert Remark.FIRST_FRAME in read(path, COLOUR)[1]


def test_remarks_count_each_sample_once():
    remarks = Remarks()
    remarks.note(3, (Remark.TURNED,))
    assert remarks.sentences() == ("The image read so far is turned upright, as their EXIF orientation says.",)
    for sample in (3, 4, 5):
        remarks.note(sample, (Remark.TURNED,) if sample < 5 else ())
    assert remarks.sentences() == ("2 of 3 images read so far are turned upright, as their EXIF orientation says.",)


def test_a_data_set_tells_what_was_done_to_the_images_it_has_read(make_folder, grey_port):
    data = open_data(DataSource(str(make_folder({"ant": 5, "cat": 5}))), (grey_port,))
    opened = data.told
    assert "No size given: images are resized to 8 × 8, whatever shape they have." in opened
    data.batch("test", [0, 1])
    assert data.told == (*opened, "All 2 images read so far are in colour, and made grey.")


def test_sixteen_bit_arrays_are_images_and_told(tmp_path, grey_port):
    images = np.stack([RAMP.astype(np.uint16) * 256] * 10)
    np.savez(tmp_path / "deep.npz", images=images, labels=np.arange(10) % 2)
    data = open_data(DataSource(str(tmp_path / "deep.npz")), (grey_port,))
    np.testing.assert_allclose(data.batch("train", [0]).first[0, 0], RAMP / 255, rtol=1e-6)
    assert any("uint16" in note for note in data.told)


def test_whole_numbers_that_are_fed_as_they_are_are_told():
    assert Arrays(np.arange(12).reshape(4, 3), None).notes("float32") == (
        "The inputs are int64, from 0 to 11: they are fed as they are, as float32.",
    )
    assert Arrays(np.zeros((4, 3), np.float64), None).notes("float32") == ()
    assert Arrays(np.arange(12).reshape(4, 3), None).notes("int64") == ()
