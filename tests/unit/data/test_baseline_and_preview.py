import numpy as np
import pytest

from secateur.data.baseline import alternatives, baseline_warning, is_near_chance, suggest_preprocessing
from secateur.data.describe import describe
from secateur.data.fit import check_fit
from secateur.data.preview import previews
from secateur.data.source import DataSource
from secateur.data.sources import open_data
from secateur.errors import UserError
from secateur.model.description import Port

VECTOR = Port("x", "float32", (None, 6))


def scores(classes):
    return Port("logits", "float32", (None, classes))


@pytest.fixture
def pets(make_folder, colour_port):
    return open_data(DataSource(str(make_folder({"ant": 20, "cat": 20, "cow": 20, "dog": 20}))), (colour_port,))


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
@pytest.mark.parametrize("samples", [50, 5000])
def test_guessing_is_near_chance_and_knowing_is_not(classes, samples):
    assert is_near_chance(1 / classes, classes, samples)
    assert is_near_chance(0, classes, samples)
    assert not is_near_chance(0.9, classes, samples)


def test_a_binary_network_that_is_right_in_two_thirds_is_not_guessing():
    assert not is_near_chance(0.67, 2, 1000)


def test_chance_counts_every_guess_of_top5():
    assert is_near_chance(0.5, 10, 1000, top=5)
    assert not is_near_chance(0.9, 10, 1000, top=5)


def test_top5_of_five_classes_tells_nothing():
    assert not is_near_chance(1.0, 5, 1000, top=5)


def test_a_good_baseline_gives_no_warning():
    assert baseline_warning(0.81, 10, 5000) == ""


def test_a_baseline_near_chance_says_that_preprocessing_or_labels_are_wrong():
    sentence = baseline_warning(0.11, 10, 1000)
    assert "11.0 %" in sentence
    assert "preprocessing or labels" in sentence


def test_the_warning_names_the_best_alternative_with_its_value(pets):
    tried = [("a", pets.preprocessing, 0.3), ("ImageNet mean and std", pets.preprocessing, 0.812)]
    assert "With ImageNet mean and std it would be 81.2 %" in baseline_warning(0.1, 10, 1000, 1, tried)


def test_an_alternative_that_guesses_too_is_not_recommended(pets):
    assert "With" not in baseline_warning(0.1, 10, 1000, 1, [("a", pets.preprocessing, 0.12)])


def test_suggestions_put_the_normalisation_that_the_network_knows_first(pets):
    """The pretended network reads the label only from inputs between −1 and 1."""
    target = dict(alternatives(pets.preprocessing))["pixels scaled to −1…1"]
    known = pets.with_preprocessing(target)
    answers = {
        fed.tobytes(): label
        for batch in known.batches("calibration", 64)
        for fed, label in zip(batch.first, batch.targets, strict=True)
    }

    def run(inputs):
        outputs = np.zeros((len(inputs), 4), np.float32)
        for row, fed in enumerate(inputs):
            outputs[row, answers.get(fed.tobytes(), 0)] = 1
        return [outputs]

    name, preprocessing, value = suggest_preprocessing(pets, run)[0]
    assert (name, preprocessing, value) == ("pixels scaled to −1…1", target, 1.0)


def test_suggestions_leave_out_what_is_done_already(pets):
    names = [name for name, _, _ in suggest_preprocessing(pets, lambda x: [np.zeros((len(x), 4))])]
    assert len(names) == 3
    assert "ImageNet mean and std" not in names


def test_ready_inputs_have_no_suggestions(colour_port):
    data = open_data(DataSource("random"), (colour_port,))
    assert suggest_preprocessing(data, lambda x: [x]) == []


def test_a_preview_is_what_the_network_is_fed(pets):
    fed = pets.batch("calibration", [0]).first
    first = previews(pets, 3)[0]
    assert first.image.shape == (8, 8, 3)
    assert first.fed_min == pytest.approx(fed.min())
    assert first.fed_max == pytest.approx(fed.max())
    assert first.fed_mean == pytest.approx(fed.mean(), rel=1e-4, abs=1e-5)
    assert first.label == pets.label("calibration", 0)
    np.testing.assert_array_equal(first.image, pets.preprocessing.denormalise(fed)[0])


def test_no_more_previews_than_samples(pets):
    assert len(previews(pets, 1000)) == pets.size("calibration")


def test_ready_inputs_have_pictures_too():
    data = open_data(DataSource("random"), (VECTOR,))
    picture = previews(data, 1)[0].image
    assert (picture.shape, picture.dtype) == ((1, 6, 3), np.uint8)


def test_a_description_states_splits_port_and_preprocessing(pets):
    described = describe(pets, "near chance")
    assert (described.train, described.calibration, described.validation, described.test) == (51, 51, 13, 16)
    assert described.inputs == (Port("image", "float32", (None, 3, 8, 8)),)
    assert described.preprocessing["layout"] == "nchw"
    assert described.warning == "near chance"
    assert described.notes


def test_a_described_preprocessing_opens_the_same_data(pets, colour_port):
    again = open_data(DataSource(pets.source, describe(pets).preprocessing), (colour_port,))
    assert again.preprocessing == pets.preprocessing


def test_data_made_for_the_network_fit_it(pets, colour_port):
    assert check_fit(pets, (colour_port,), (scores(4),)) == ()


def test_fewer_classes_than_outputs_are_told_naming_both(pets, colour_port):
    (note,) = check_fit(pets, (colour_port,), (scores(1000),))
    assert "4 classes (ant … dog)" in note
    assert "1000 scores: no sample asks for 4 … 999" in note


def test_an_empty_folder_too_many_is_named_as_the_way_out(make_folder, colour_port):
    root = make_folder({"ant": 5, "dog": 5})
    (root / "notes").mkdir()
    data = open_data(DataSource(str(root)), (colour_port,))
    with pytest.raises(UserError) as caught:
        check_fit(data, (colour_port,), (scores(2),))
    assert "No sample is of notes" in caught.value.hint


def test_more_classes_than_outputs_are_refused_naming_both(pets, colour_port):
    with pytest.raises(UserError, match=r"4 classes \(ant … dog\).*logits.*2 scores"):
        check_fit(pets, (colour_port,), (scores(2),))


def test_an_input_of_another_shape_names_both(pets):
    with pytest.raises(UserError, match=r"3 × 8 × 8.*3 × 32 × 32"):
        check_fit(pets, (Port("image", "float32", (None, 3, 32, 32)),), (scores(4),))


def test_ready_inputs_of_another_shape_are_refused(tmp_path):
    np.savez(tmp_path / "data.npz", inputs=np.ones((20, 5)), labels=np.arange(20) % 2)
    data = open_data(DataSource(str(tmp_path / "data.npz")), (VECTOR,))
    with pytest.raises(UserError, match=r"feeds 5.*takes 6"):
        check_fit(data, (VECTOR,), (scores(2),))


def test_targets_of_another_width_are_refused(tmp_path):
    np.savez(tmp_path / "data.npz", inputs=np.ones((20, 6)), targets=np.linspace(0, 1, 40).reshape(20, 2))
    data = open_data(DataSource(str(tmp_path / "data.npz")), (VECTOR,))
    check_fit(data, (VECTOR,), (scores(2),))
    with pytest.raises(UserError, match="2 targets"):
        check_fit(data, (VECTOR,), (scores(3),))
