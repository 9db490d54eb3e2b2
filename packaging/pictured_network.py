"""A network of fifty layers for the pictures: a MobileNetV2 whose layers differ in the middle of their names.

    python packaging/pictured_network.py FILE.pt      its weights

They are random, but the same every time: the pictures show names, kinds and shapes, and no accuracy.
"""

import sys

from torch import Tensor, nn

WIDTHS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and stride of each stage."""


def step(inputs: int, outputs: int, side: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    made = nn.Sequential()
    made.add_module("conv", nn.Conv2d(inputs, outputs, side, stride, side // 2, groups=groups, bias=False))
    made.add_module("norm", nn.BatchNorm2d(outputs))
    return made


class Block(nn.Module):
    """Expand, filter each channel alone, project; around it a shortcut where nothing changes its shape."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.block = nn.Module()
        if expansion > 1:
            self.block.expansion = step(inputs, wide, 1)
        self.block.depthwise = step(wide, wide, 3, stride, groups=wide)
        self.block.projection = step(wide, outputs, 1)
        self.expands, self.adds = expansion > 1, stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        wide = nn.functional.relu6(self.block.expansion(x)) if self.expands else x
        out: Tensor = self.block.projection(nn.functional.relu6(self.block.depthwise(wide)))
        return x + out if self.adds else out


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.features, channels = step(3, 32, 3, 2), nn.Sequential(), 32
        for expansion, outputs, blocks, stride in WIDTHS:
            for number in range(blocks):
                self.features.append(Block(channels, outputs, expansion, stride if number == 0 else 1))
                channels = outputs
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(nn.functional.relu6(self.stem(x)))
        out: Tensor = self.classifier(features.mean((2, 3)))
        return out


def network() -> nn.Module:
    """The network for pictures of 224 × 224."""
    import torch

    torch.manual_seed(0)
    made = MobileNet().eval()
    made.example_input = torch.zeros(1, 3, 224, 224)
    return made


def main() -> int:
    import torch

    torch.save(network().state_dict(), sys.argv[1])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
