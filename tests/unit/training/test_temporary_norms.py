"""Batch norm that stands in a network only while it learns."""

import copy

import pytest
import torch
from torch import fx, nn

from secateur.training.normalization import TemporaryNorms


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.ReLU(),
            nn.Conv2d(4, 5, 3, bias=False),
            nn.BatchNorm2d(5),
            nn.Conv2d(5, 6, 3, groups=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 3),
        ).eval()


def inputs() -> torch.Tensor:
    return torch.randn(32, 3, 12, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("traced", [False, True])
def test_only_bare_convolutions_with_a_bias_get_a_norm(traced: bool) -> None:
    module = fx.symbolic_trace(network()) if traced else network()
    assert TemporaryNorms(module, [(inputs(),)]).layers == ("0", "4")


def test_a_norm_changes_nothing_when_it_is_put_in() -> None:
    module, images = network(), inputs()
    before = module(images)
    TemporaryNorms(module, [(images,)])
    torch.testing.assert_close(module.eval()(images), before, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(module.train()[0](images), network()[0](images), rtol=1e-3, atol=1e-4)


def test_folding_gives_the_same_network_with_the_layers_it_had() -> None:
    module, images = network(), inputs()
    names = list(module.state_dict())
    norms = TemporaryNorms(module, [(images,)])
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    module.train()
    for _ in range(3):
        module(images).square().mean().backward()
        optimizer.step()
    folded = copy.deepcopy(network())
    state = norms.state_without(module)
    assert list(state) == names
    folded.load_state_dict(state)
    torch.testing.assert_close(folded.eval()(images), module.eval()(images), rtol=1e-4, atol=1e-5)
    assert not torch.equal(folded[0].weight, network()[0].weight)


def test_folding_keeps_zeros() -> None:
    module = network()
    with torch.no_grad():
        module[0].weight[0] = 0.0
    norms = TemporaryNorms(module, [(inputs(),)])
    assert not norms.state_without(module)["0.weight"][0].any()
