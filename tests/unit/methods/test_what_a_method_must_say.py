"""What a class of methods must say, and that it fails at import where it does not: no form would show it, no page."""

from inspect import get_annotations
from typing import Any, ClassVar

import pytest
from pydantic import Field

from secateur.methods import METHODS
from secateur.methods.base import Method
from secateur.methods.distil.training import Training
from secateur.methods.fields import control_of, fields_of
from secateur.methods.offers import Handle

SAID: dict[str, Any] = {
    "id": "made_up",
    "title": "Made up",
    "family": "distil",
    "needs": frozenset(),
    "scope": "layer",
    "order": 1,
}


def made(**fields: Any) -> type[Method]:
    """A method class with these fields, as (type, default), beside all that it must say."""
    types = {name: kind for name, (kind, _) in fields.items()}
    annotations = {**types, **dict.fromkeys(SAID, ClassVar[Any])}
    values = {name: default for name, (_, default) in fields.items()}
    return type(Method)("MadeUp", (Method,), {"__module__": __name__, "__annotations__": annotations, **SAID, **values})


@pytest.mark.parametrize("name", SAID)
def test_a_method_that_forgets_to_say_something_fails_where_its_class_is_made(name: str) -> None:
    rest = {key: value for key, value in SAID.items() if key != name}
    annotations = dict.fromkeys(rest, ClassVar[Any])
    with pytest.raises(TypeError, match=f"MadeUp must say its {name}"):
        type(Method)("MadeUp", (Method,), {"__module__": __name__, "__annotations__": annotations, **rest})


@pytest.mark.parametrize("kind", [str, list[int], tuple[float, float], int | None, dict[str, float]])
def test_a_field_that_no_form_can_show_fails_where_its_class_is_made(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"MadeUp\.wide is .*, which no form can show"):
        made(wide=(kind, None))


def test_a_field_with_a_panel_of_its_own_says_so_and_is_let_through() -> None:
    pairs = made(pairs=(tuple[str, ...], Field((), json_schema_extra={"form": False})))
    assert control_of(pairs.model_fields["pairs"]) == "none"


def test_a_handle_of_a_field_that_is_not_there_fails_where_its_class_is_made() -> None:
    handles = (Handle("height", "weight_histogram", "threshold"),)
    annotations = {"width": int, "handles": ClassVar[Any], **dict.fromkeys(SAID, ClassVar[Any])}
    body = {"__module__": __name__, "__annotations__": annotations, **SAID, "width": 1, "handles": handles}
    with pytest.raises(TypeError, match="MadeUp has no field height"):
        type(Method)("MadeUp", (Method,), body)


def test_a_class_that_only_says_what_several_have_in_common_needs_no_name() -> None:
    assert not hasattr(Training, "id")
    assert Training not in METHODS


def test_every_way_to_train_says_whether_it_has_a_teacher_and_counts_its_epochs() -> None:
    kinds = [method for method in METHODS if issubclass(method, Training)]
    assert {kind.has_teacher for kind in kinds} == {True, False}
    assert all(kind(epochs=4).training_epochs == 4 for kind in kinds)
    assert all(method().training_epochs == 0 for method in METHODS if method not in kinds)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.id)
def test_a_form_shows_every_field_once_and_what_is_a_methods_own_first(method: type[Method]) -> None:
    names = list(fields_of(method))
    assert sorted(names) == sorted(method.model_fields)
    own = [name for name in names if name in get_annotations(method)]
    assert names[: len(own)] == own
