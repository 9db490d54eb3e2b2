"""Small networks of every make that channel pruning meets, for the tests that go over them."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from secateur.graph.network import TorchModel
from secateur.model.description import Port

relu = torch.relu


class Net(nn.Module):
    """Layers by name and a function that computes with them."""

    def __init__(self, forward: Callable[..., torch.Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.compute = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.compute(self, images)


def conv(inner: int, outer: int, size: int = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, size, padding=size // 2, **options)


def shuffled(x: torch.Tensor, groups: int) -> torch.Tensor:
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def residual() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        x = relu(net.n1(net.stem(x)))
        x = x + net.n3(net.b(relu(net.n2(net.a(x)))))
        return net.head(relu(x).mean((2, 3)))

    norms = {f"n{i}": nn.BatchNorm2d(w) for i, w in ((1, 12), (2, 10), (3, 12))}
    return Net(forward, stem=conv(3, 12), a=conv(12, 10), b=conv(10, 12), head=nn.Linear(12, 4), **norms)


def joined() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        left, right = relu(net.left(x)), relu(net.right(x))
        return net.head(relu(net.after(torch.cat([left, right, left], 1))).mean((2, 3)))

    return Net(forward, left=conv(3, 6), right=conv(3, 10, 1), after=conv(22, 8), head=nn.Linear(8, 4))


def depthwise() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        x = relu(net.norm(net.depth(F.relu6(net.first(x)))))
        return net.head(relu(net.wide(relu(net.last(x)))).mean((2, 3)))

    return Net(
        forward, first=conv(3, 12, 1), depth=conv(12, 12, groups=12), norm=nn.BatchNorm2d(12), last=conv(12, 6, 1),
        wide=conv(6, 12, groups=6), head=nn.Linear(12, 4),
    )  # fmt: skip


def grouped() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        return net.head(relu(net.turned(relu(net.last(relu(net.group(relu(net.first(x)))))))).mean((2, 3)))

    return Net(
        forward, first=conv(3, 16), group=conv(16, 24, groups=4), last=conv(24, 8, 1),
        turned=nn.ConvTranspose2d(8, 12, 2, 2, groups=2), head=nn.Linear(12, 4),
    )  # fmt: skip


def channel_shuffle() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        a, b = relu(net.stem(x)).chunk(2, 1)
        b = relu(net.two(relu(net.norm(net.one(b)))))
        x = shuffled(torch.cat([a, b], 1), 2)
        x = shuffled(relu(net.three(x)), 3)
        return net.head(relu(net.four(x)).mean((2, 3)))

    return Net(
        forward, stem=conv(3, 16), one=conv(8, 12, 1), norm=nn.BatchNorm2d(12), two=conv(12, 8), three=conv(16, 18, 1),
        four=conv(18, 18, groups=3), head=nn.Linear(18, 4),
    )  # fmt: skip


def pixel_shuffle() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        x = F.pixel_shuffle(relu(net.a(x)), 2)
        return net.c(F.pixel_unshuffle(relu(net.b(x)), 2)).mean((2, 3))

    return Net(forward, a=conv(3, 24), b=conv(6, 8), c=conv(32, 4, 1))


def split() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        gate, value = relu(net.a(x)).chunk(2, 1)
        x = relu(net.b(value) * torch.sigmoid(gate))
        parts = relu(net.c(x)).chunk(3, 1)
        return net.head(torch.cat([parts[2], F.glu(net.d(parts[1]), 1), relu(net.e(parts[0]))], 1).mean((2, 3)))

    return Net(forward, a=conv(3, 16), b=conv(8, 8), c=conv(8, 18), d=conv(6, 12), e=conv(6, 10), head=nn.Linear(22, 4))


def squeeze_excite() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        x = relu(net.a(x))
        s = torch.sigmoid(net.up(relu(net.down(F.adaptive_avg_pool2d(x, 1)))))
        x = x * s * torch.sigmoid(net.spot(x))
        return net.head(relu(net.b(x)).mean((2, 3)))

    return Net(
        forward, a=conv(3, 16), down=conv(16, 6, 1), up=conv(6, 16, 1), spot=conv(16, 1), b=conv(16, 8),
        head=nn.Linear(8, 4),
    )  # fmt: skip


def unet() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        one = relu(net.d1(x))
        two = relu(net.d2(F.max_pool2d(one, 2)))
        low = relu(net.d3(F.max_pool2d(two, 2)))
        x = relu(net.u2(torch.cat([F.interpolate(low, scale_factor=2), two], 1)))
        x = relu(net.u1(torch.cat([net.t1(x), one], 1)))
        return net.head(x)

    return Net(
        forward, d1=conv(3, 8), d2=conv(8, 12), d3=conv(12, 16), u2=conv(28, 12), t1=nn.ConvTranspose2d(12, 8, 2, 2),
        u1=conv(16, 8), head=conv(8, 2, 1),
    )  # fmt: skip


def dense(blocks: int = 4, grow: int = 6) -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        x = relu(net.stem(x))
        for number in range(blocks):
            x = torch.cat([x, relu(getattr(net, f"n{number}")(getattr(net, f"c{number}")(x)))], 1)
        return net.head(x.mean((2, 3)))

    layers: dict[str, nn.Module] = {"stem": conv(3, 8), "head": nn.Linear(8 + blocks * grow, 4)}
    for number in range(blocks):
        layers |= {f"c{number}": conv(8 + number * grow, grow), f"n{number}": nn.BatchNorm2d(grow)}
    return Net(forward, **layers)


def flattened() -> nn.Module:
    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(net.act(net.a(x)), 4)
        return net.head(relu(net.hidden(x.reshape(x.size(0), -1))) * net.scale.weight[:, 0])

    return Net(
        forward,
        a=conv(3, 10),
        act=nn.PReLU(10),
        hidden=nn.Linear(40, 14),
        scale=nn.Linear(1, 14),
        head=nn.Linear(14, 4),
    )


def attention() -> nn.Module:
    """Two heads, written out; the sizes of heads are read from the tensors."""

    def forward(net: Any, x: torch.Tensor) -> torch.Tensor:
        x = net.embed(x).flatten(2).transpose(1, 2) + net.place.weight
        n, t, _ = x.shape
        q, k, v = (layer(x).view(n, t, 2, -1).transpose(1, 2) for layer in (net.q, net.k, net.v))
        x = x + net.out((torch.softmax(q @ k.transpose(2, 3) / 2.0, -1) @ v).transpose(1, 2).reshape(n, t, -1))
        x = x + net.down(F.gelu(net.up(x)))
        return net.head(x.mean(1))

    linear = {name: nn.Linear(12, 12) for name in ("q", "k", "v", "out")}
    return Net(
        forward, embed=nn.Conv2d(3, 12, 4, 4), place=nn.Embedding(4, 12), up=nn.Linear(12, 20), down=nn.Linear(20, 12),
        head=nn.Linear(12, 4), **linear,
    )  # fmt: skip


MAKES = (
    residual, joined, depthwise, grouped, channel_shuffle, pixel_shuffle, split, squeeze_excite, unet, dense, flattened,
    attention,
)  # fmt: skip


def model_of(module: nn.Module, seed: int = 11) -> TorchModel:
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=random)
                tensor.copy_(0.5 + noise if "running_var" in name else noise - 0.4)
    ports = (Port("image", "float32", (None, 3, 8, 8)),), (Port("scores", "float32", (None, 4)),)
    return TorchModel("small", module.eval(), *ports)


@pytest.fixture
def networks() -> Any:
    """The makers by name, and `model_of`."""
    return SimpleNamespace(model_of=model_of, **{make.__name__: make for make in MAKES})


@pytest.fixture(params=MAKES, ids=lambda make: make.__name__)
def make_model(request: pytest.FixtureRequest) -> Callable[[], TorchModel]:
    """Makes one of the networks, with the same weights on every call."""
    return lambda: model_of(request.param())
