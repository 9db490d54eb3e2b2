"""A network is exported once, and anew as soon as a number of it is written."""

import numpy as np
import pytest
import torch
from torch import nn

from secateur.graph import lowering
from secateur.graph.lowering import lower, to_onnx
from secateur.graph.network import TorchModel
from secateur.model.description import Port

pytestmark = pytest.mark.usefixtures("exported_anew")


@pytest.fixture
def model() -> TorchModel:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    return TorchModel("net", module, (Port("x", "float32", (None, 6)),), (Port("y", "float32", (None, 3)),))


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the networks that were really exported."""
    names: list[str] = []
    really = lowering._exported

    def counted(model: TorchModel):  # type: ignore[no-untyped-def]
        names.append(model.name)
        return really(model)

    monkeypatch.setattr(lowering, "_exported", counted)
    return names


def test_the_graph_of_a_network_is_made_once_for_all_who_ask(model: TorchModel, exported: list[str]) -> None:
    first, proto, second = lower(model), to_onnx(model), lower(model)
    assert exported == ["net"]
    assert first.lowered is second.lowered
    assert first.lowered is not None
    assert proto == first.lowered.whole()
    assert second.module is first.module


def test_a_network_whose_weight_was_written_is_exported_anew(model: TorchModel, exported: list[str]) -> None:
    inputs = np.ones((2, 6), np.float32)
    before = lower(model).run(inputs)
    with torch.no_grad():
        model.module[0].weight.mul_(2)  # type: ignore[index, operator, union-attr]
    after = lower(model).run(inputs)
    assert exported == ["net", "net"]
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, model.run(inputs), rtol=1e-4, atol=1e-5)


def test_other_weights_are_another_network(model: TorchModel, exported: list[str]) -> None:
    lower(model)
    lower(model.with_weights({"0": np.zeros((8, 6), np.float32)}))
    assert len(exported) == 2


def test_under_another_name_of_its_input_it_is_another_graph(model: TorchModel, exported: list[str]) -> None:
    from dataclasses import replace

    other = replace(model, inputs=(Port("z", "float32", (None, 6)),))
    assert lower(model).lowered.structure.graph.input[0].name == "x"  # type: ignore[union-attr]
    assert lower(other).lowered.structure.graph.input[0].name == "z"  # type: ignore[union-attr]
