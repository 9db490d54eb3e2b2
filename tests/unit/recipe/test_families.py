"""The families of plans that autopilot tries: which ratios of channels are worth a training of their own."""

from types import SimpleNamespace

import pytest

from secateur.recipe.families import _prunings


@pytest.mark.parametrize(
    ("widths", "step", "ratios"),
    [
        ([64, 128], 8, [0.5, 0.75, 0.25, 0.625, 0.375]),
        ([16, 32], 16, [0.5]),  # in steps of 16 a quarter of 32 is none, and three quarters no more than half
        ([64], 16, [0.5, 0.75, 0.25]),  # 32, 16, 48; five eighths leave 32 again, three eighths 48
        ([16], 16, []),
    ],
)
def test_ratios_that_leave_the_same_widths_are_trained_once(widths: list[int], step: int, ratios: list[float]) -> None:
    layers = tuple(SimpleNamespace(out_channels=width) for width in widths)
    ground = SimpleNamespace(channel_step=step, model=SimpleNamespace(weighted_layers=layers))
    found = _prunings(ground)  # type: ignore[arg-type]
    assert list(found) == ratios
    assert [method.ratio for method in found.values()] == ratios  # type: ignore[attr-defined]
