"""One sample of texts through the network, and of a network with several inputs: read, and not guessed from pixels."""

import numpy as np
import pytest
from painted_texts import texts_of
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QWidget
from text_findings import findings

from secateur.engine.events import Finished, Partial, SampleFollowed, SamplesShown
from secateur.engine.requests import DataSource, FollowSample, Sample, ShowSamples
from secateur.model.maps import FedInput, Guess, LayerMaps, TakenSample, Thumbnail

LEFT = Qt.MouseButton.LeftButton
TEXTS = ("A man is dancing.", "A woman sings.")
PIECES = (("[CLS]", "a", "man", "is", "dancing", ".", "[SEP]"), ("[CLS]", "a", "woman", "sings", ".", "[SEP]"))
PLACES = (*PIECES[0], "padding")


@pytest.fixture
def view(shown, model, data, previews, evaluation):
    """The tab on One sample; the question is on its way."""
    shown.open(model)
    shown.session.open_data(DataSource("pairs.csv"))
    shown.open_data(data, previews, evaluation)
    shown.workspace.detail.show_tab("activations")
    tab = shown.workspace.detail.tab("activations")
    shown.qtbot.mouseClick(tab.view.findChild(QWidget, "segment_sample"), LEFT)
    shown.until(lambda: shown.engine.asked(FollowSample))
    return tab.sample


def rows_of(layer: str, rows: int = len(PLACES)) -> LayerMaps:
    before = np.random.default_rng(0).normal(size=(rows, 24)).astype(np.float16)
    change = (before * 0.1).astype(np.float16)
    return LayerMaps(
        layer, "rows", (rows, 24), before, before + change, change, 0, 24, low=-3.0, high=3.0, sqnr_db=20.0
    )


def follow(shown, view, taken: TakenSample, *maps: LayerMaps, guesses: tuple[Guess, ...] = ()) -> None:
    job = shown.engine.job_of(FollowSample)
    said = [Partial(job, value) for value in (taken, *maps)]
    shown.engine.say(*said, Finished(job, SampleFollowed(guesses)))
    shown.until(lambda: shown.state.followed.end is not None and view.shown is shown.state.followed)


def follow_texts(shown, view) -> None:
    taken = TakenSample(None, "sample 0", "4.5", ("conv1", "linear"), texts=TEXTS, tokens=PIECES, places=PLACES)
    follow(shown, view, taken, rows_of("conv1"), rows_of("linear", 5))
    shown.layers.select(["conv1"])
    shown.settle()


def test_a_text_is_shown_as_text_with_its_pieces(shown, view) -> None:
    follow_texts(shown, view)
    read = shown.find(QWidget, "sample_texts")
    shown.until(lambda: set(TEXTS) | set(PIECES[0]) | set(PIECES[1]) <= {text.text for text in texts_of(read)})
    assert not view.answer.pictures.isVisible()
    assert read.toolTip() == "\n\n".join(TEXTS)
    assert not findings(view)


def test_the_rows_of_a_layer_are_named_by_the_tokens(shown, view) -> None:
    follow_texts(shown, view)
    grid = view.layer.grid
    assert grid.rows == PLACES
    painted = {text.text for text in texts_of(grid)}
    assert painted >= {*PIECES[0], "original", "compressed", "difference"}
    matrix = grid.cell(0)
    row = matrix.height() / len(PLACES)
    words = grid.words_at(QPointF(matrix.left() + 1, matrix.top() + 4.5 * row))
    assert words.startswith("dancing (token 4), feature 0: ")
    shown.qtbot.mouseMove(grid, QPoint(matrix.left() + 2, round(matrix.top() + 2.5 * row)))
    shown.until(lambda: view.layer.read_out.text().startswith("man (token 2)"))


def test_rows_that_are_no_tokens_are_not_named_by_them(shown, view) -> None:
    follow_texts(shown, view)
    shown.layers.select(["linear"])
    shown.until(lambda: view.layer.grid.maps.layer == "linear")
    assert view.layer.grid.rows == ()
    assert not {"[CLS]", "dancing"} & {text.text for text in texts_of(view.layer.grid)}


def test_rows_of_a_long_text_are_named_by_the_first_token_that_they_are_the_mean_of(shown, view) -> None:
    maps = rows_of("conv1", 4)
    long = LayerMaps("conv1", "rows", (8, 24), maps.original, pooled=(2, 1), channels=24)
    taken = TakenSample(None, "sample 0", "", ("conv1",), texts=TEXTS[:1], tokens=PIECES[:1], places=PLACES)
    follow(shown, view, taken, long)
    shown.layers.select(["conv1"])
    shown.until(lambda: view.layer.grid.rows == PLACES[::2])


def test_the_strip_shows_texts_wide_enough_to_be_read_and_takes_clicks(shown, view) -> None:
    shown.until(lambda: shown.engine.asked(ShowSamples))
    thumbnails = tuple(Thumbnail(n, None, str(n), (f"text {n}", f"other {n}")) for n in range(24))
    shown.engine.say(Finished(shown.engine.job_of(ShowSamples), SamplesShown(1000, thumbnails)))
    strip = view.chooser.strip
    shown.until(lambda: {"text 1", "other 1"} <= {text.text for text in texts_of(strip)})
    shown.qtbot.mouseClick(strip, LEFT, pos=strip.place(2).center())
    shown.until(lambda: shown.engine.asked(FollowSample)[-1].sample == Sample(2))


def test_every_port_of_several_is_shown_under_its_name(shown, view) -> None:
    image = np.full((6, 6, 3), 90, np.uint8)
    inputs = (FedInput("left", (3, 6, 6), image, -1.0, 1.0), FedInput("age", (2,), image[:1, :2], 0.5, 7.0, (0.5, 7.0)))
    guesses = (Guess("7", 0.9), Guess("1", 0.1))
    follow(shown, view, TakenSample(image, "sample 0", "7", ("conv1",), inputs=inputs), guesses=guesses)
    assert view.answer.pictures.names == ("left", "age")
    tips = {child.toolTip() for child in view.answer.pictures.findChildren(QWidget, "sample_picture")}
    assert tips == {"left (3 × 6 × 6): −1.00 … 1.00", "age (2): 0.500, 7.00"}
    shown.window.resize(1024, 700)
    shown.settle()
    assert not findings(view.answer)
    shown.qtbot.mouseClick(view.chooser.next, LEFT)
    shown.until(lambda: shown.engine.asked(FollowSample)[-1].sample == Sample(1))
    follow(shown, view, TakenSample(image, "sample 0", "7", ("conv1",)))
    assert view.answer.pictures.names == ()  # one port needs no name
