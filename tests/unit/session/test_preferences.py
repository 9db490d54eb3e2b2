"""What the window remembers between two starts."""

from pathlib import Path

import pytest

from secateur.session.preferences import (
    RECENT_LIMIT,
    Preferences,
    RecentModel,
    load_preferences,
    preferences_path,
    save_preferences,
)


def test_preferences_come_back_as_they_were_saved(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "preferences.json"
    saved = Preferences(
        theme="light",
        columns={"weights": ["layer", "size"]},
        splitters={"table": [600, 500, 300]},
        recent=(RecentModel("/models/net.onnx", "", "net", "onnx", 1200, 5.0, "2 runs"),),
    )
    save_preferences(saved, path)
    assert load_preferences(path) == saved


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_preferences(tmp_path / "none.json") == Preferences()


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", '"text"'])
def test_a_broken_file_costs_no_more_than_the_preferences(tmp_path: Path, content: str) -> None:
    path = tmp_path / "preferences.json"
    path.write_text(content)
    assert load_preferences(path) == Preferences()


def test_a_value_of_the_wrong_kind_is_replaced_alone(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    path.write_text('{"theme": "purple", "folder": "/models", "columns": 3, "recent": [{"path": 1}, {"path": "a"}]}')
    loaded = load_preferences(path)
    assert (loaded.theme, loaded.folder, loaded.columns) == ("system", "/models", {})
    assert [model.path for model in loaded.recent] == ["a"]


def test_saving_leaves_no_half_written_file_behind(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    save_preferences(Preferences(folder="a"), path)
    save_preferences(Preferences(folder="b"), path)
    assert [file.name for file in tmp_path.iterdir()] == ["preferences.json"]


def test_a_model_opened_again_moves_to_the_front_once() -> None:
    first, second = RecentModel("a.onnx", opened=1.0), RecentModel("b.onnx", opened=2.0)
    kept = Preferences().with_recent(first).with_recent(second).with_recent(RecentModel("a.onnx", opened=3.0))
    assert [(model.path, model.opened) for model in kept.recent] == [("a.onnx", 3.0), ("b.onnx", 2.0)]


def test_the_list_of_recent_models_stays_short() -> None:
    kept = Preferences()
    for n in range(RECENT_LIMIT + 5):
        kept = kept.with_recent(RecentModel(f"{n}.onnx"))
    assert len(kept.recent) == RECENT_LIMIT


def test_one_folder_holds_everything_where_a_person_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))
    assert preferences_path().parent == tmp_path
