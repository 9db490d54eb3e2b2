import pytest
import yaml

from secateur.data.keys import KEYS
from secateur.data.source import DataSource
from secateur.data.sources import open_data
from secateur.data.tasks import PARAMETERS
from secateur.errors import UserError


@pytest.fixture
def describe_images(make_folder, tmp_path):
    """A data.yaml beside a folder of two classes; keywords are further keys."""
    make_folder({"cat": 10, "dog": 10})

    def write(**keys):
        path = tmp_path / "data.yaml"
        path.write_text(yaml.safe_dump({"source": "images", **keys}))
        return path

    return write


def opened(path, port, **preprocessing):
    return open_data(DataSource(str(path), preprocessing), (port,))


def test_the_source_is_found_relative_to_the_file(describe_images, colour_port, monkeypatch, tmp_path):
    path = describe_images()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert opened(path, colour_port).classes == ("cat", "dog")


@pytest.mark.parametrize("source", ["random", "sample:mnist"])
def test_names_of_data_without_a_file_stay(tmp_path, grey_port, source):
    path = tmp_path / "data.yaml"
    path.write_text(f"source: {source}")
    assert opened(path, grey_port).size("train") > 0


def test_preprocessing_of_the_file_is_applied(describe_images, colour_port):
    rule = opened(
        describe_images(preprocessing={"resize": 10, "crop": 8, "mean": [0.5] * 3, "std": [0.5] * 3}),
        colour_port,
    ).preprocessing
    assert (rule.resize, rule.crop, rule.mean) == (10, 8, (0.5, 0.5, 0.5))


def test_preprocessing_of_the_request_goes_before_the_files(describe_images, colour_port):
    path = describe_images(preprocessing={"mean": [0.5] * 3, "std": [0.5] * 3})
    rule = opened(path, colour_port, mean=[0.1] * 3).preprocessing
    assert (rule.mean, rule.std) == ((0.1,) * 3, (0.5,) * 3)


def test_classes_of_the_file_set_the_order(describe_images, colour_port):
    assert opened(describe_images(classes=["dog", "cat"]), colour_port).classes == ("dog", "cat")


def test_mirroring_can_be_switched_off(describe_images, colour_port):
    assert opened(describe_images(), colour_port).mirror
    assert not opened(describe_images(mirror=False), colour_port).mirror


def test_task_none_leaves_the_labels_out(describe_images, colour_port):
    data = opened(describe_images(task="none"), colour_port)
    assert (data.task.id, data.metric, data.classes) == ("none", "agreement", ())


def test_the_metric_can_be_chosen(describe_images, colour_port):
    assert opened(describe_images(metric="top5"), colour_port).metric == "top5"


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"sorce": "images"}, "sorce"),
        ({"task": "guessing"}, "guessing"),
        ({"metric": "f9"}, "f9"),
        ({"task": "classification", "metric": "mse"}, "mse"),
        ({"metric": "mse"}, "mse"),
        ({"source": 5}, "source"),
        ({"source": ""}, "names no source"),
        ({"classes": "cat"}, "classes"),
        ({"mirror": "no"}, "mirror"),
        ({"preprocessing": [1]}, "preprocessing"),
        ({"preprocessing": {"zoom": 2}}, "zoom"),
        ({"source": "absent"}, "absent"),
        ({"source": "data.yaml"}, "data.yaml"),
    ],
)
def test_what_does_not_fit_is_named(describe_images, colour_port, keys, named):
    with pytest.raises(UserError, match=named) as caught:
        opened(describe_images(**keys), colour_port)
    assert caught.value.hint


def test_a_line_that_is_no_yaml_is_named(tmp_path, colour_port):
    (tmp_path / "data.yaml").write_text("source: images\ntask: [classification")
    with pytest.raises(UserError, match="at line"):
        opened(tmp_path / "data.yaml", colour_port)


@pytest.mark.parametrize("content", ["", "just a word", "- a\n- b"])
def test_a_file_that_describes_nothing_is_refused(tmp_path, colour_port, content):
    (tmp_path / "data.yaml").write_text(content)
    with pytest.raises(UserError, match="does not describe data"):
        opened(tmp_path / "data.yaml", colour_port)


def test_a_missing_description_is_named(tmp_path, colour_port):
    with pytest.raises(UserError, match=r"absent\.yaml"):
        opened(tmp_path / "absent.yaml", colour_port)


def test_every_parameter_of_a_task_is_a_key_that_the_page_explains() -> None:
    assert set(PARAMETERS) <= set(KEYS)
