"""What lies behind a changed layer, run by ONNX Runtime: what torch gives, and torch where the runtime cannot."""

from typing import Any

import numpy as np
import pytest

from secateur.analysis.swapping import CachedNetwork, SwappedNetwork
from secateur.graph.context import Context
from secateur.graph.tails import Tails
from secateur.methods.change import Lowered
from secateur.model.description import Port
from secateur.recipe.options import OPTIONS

OPTIONS_ASKED = [one for one in OPTIONS if one.id in ("w4a8", "int8", "int3", "prune75", "rank25")]
LAYERS = ["stem", "one", "two", "last", "fc"]


@pytest.fixture(scope="module")
def residual_network() -> Any:
    """A residual block between convolutions: what is rounded around a layer is read by another branch, too."""
    import torch
    from torch import nn

    from secateur.graph.lowering import lower
    from secateur.graph.network import TorchModel

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.one, self.two = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(8, 8, 3, 1, 1)
            self.last, self.fc = nn.Conv2d(8, 8, 3, 2, 1), nn.Linear(8, 10)

        def forward(self, images: Any) -> Any:
            x = self.stem(images).relu()
            x = (x + self.two(self.one(x).relu())).relu()
            return self.fc(self.last(x).relu().mean((2, 3)))

    torch.manual_seed(0)
    return lower(
        TorchModel(
            "residual",
            Residual().eval(),
            (Port("input", "float32", (None, 3, 12, 12)),),
            (Port("logits", "float32", (None, 10)),),
        ),
        Context(),
    )


def outputs(network: SwappedNetwork, model: Any, data: Any) -> dict[tuple[str, str], Any]:
    import torch

    cached = CachedNetwork(network, [torch.from_numpy(data.batch("validation", range(32)).first)])
    layers = Lowered(model, LAYERS, Context(data=data), methods=[one.method for one in OPTIONS_ASKED])
    return {
        (layer, option.id): cached.outputs_with(layer, option.method.change(layer, layers))[0]
        for layer in LAYERS
        for option in OPTIONS_ASKED
    }


def test_behind_every_layer_the_runtime_gives_what_torch_gives(
    residual_network: Any, noise_set: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []
    run = Tails.run
    monkeypatch.setattr(Tails, "run", lambda self, given: ran.append(tuple(given)) or run(self, given))
    own = outputs(
        SwappedNetwork(residual_network.module, tails=Tails(residual_network.lowered)), residual_network, noise_set
    )
    assert len(ran) > 3 * len(OPTIONS_ASKED), "behind all layers but the last two, where too little lies"
    assert max(map(len, ran)) == 2, "two branches read what was changed in the block"
    torchs = outputs(SwappedNetwork(residual_network.module), residual_network, noise_set)
    for cell, found in own.items():
        assert np.allclose(found, torchs[cell], atol=1e-5), cell
        assert not np.array_equal(found, own[cell[0], "int8"]) or cell[1] == "int8"


def test_where_the_runtime_gives_something_else_torch_is_asked(
    residual_network: Any, noise_set: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Tails.run
    monkeypatch.setattr(Tails, "run", lambda self, given: [values * 1.01 for values in run(self, given)])
    tails = Tails(residual_network.lowered)
    found = outputs(SwappedNetwork(residual_network.module, tails=tails), residual_network, noise_set)
    torchs = outputs(SwappedNetwork(residual_network.module), residual_network, noise_set)
    assert all(np.array_equal(found[cell], torchs[cell]) for cell in found)


def test_a_rest_that_reads_more_than_is_given_is_not_to_be_had(residual_network: Any) -> None:
    tails = Tails(residual_network.lowered)
    inside = [
        name for node in residual_network.lowered.structure.graph.node if node.op_type == "Conv" for name in node.output
    ]
    assert not tails.has([inside[1]]), "the other branch passes by the convolution"
    assert tails.has([inside[3]])
    assert not tails.has(["no such tensor"])


def test_networks_of_products_alone_stay_in_torch(lowered_network: Any, residual_network: Any) -> None:
    import torch
    from torch import nn

    from secateur.graph.lowering import lower
    from secateur.graph.network import TorchModel

    assert Tails.suits(residual_network.lowered)
    torch.manual_seed(0)
    products = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
    assert not Tails.suits(
        lower(
            TorchModel(
                "products", products, (Port("input", "float32", (None, 6)),), (Port("logits", "float32", (None, 4)),)
            ),
            Context(),
        ).lowered
    )
