"""The bundled sample network: a small residual network for 28 × 28 grey images, ten classes.

190 thousand parameters, 9 million multiply-accumulates. It has what the program must cope with: batch norm,
residual additions with and without a 1 × 1 convolution in the shortcut, and a linear head.
"""

from torch import Tensor, nn  # noqa: TID253 - this file is the network itself, imported only to build it
from torch.nn import functional  # noqa: TID253

input_shape = (1, 28, 28)
CLASSES = 10
CHANNELS = (16, 24, 48, 80)
BLOCKS = (2, 2, 1)


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions with batch norm, added to their own input."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class SampleNet(nn.Module):
    """Stem, three stages that halve the image and widen the channels, global average, linear head."""

    def __init__(self) -> None:
        super().__init__()
        stem, *widths = CHANNELS
        self.conv1 = nn.Conv2d(input_shape[0], stem, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        before = stem
        for number, (width, blocks) in enumerate(zip(widths, BLOCKS, strict=True), start=1):
            stage = [ResidualBlock(before, width, stride=2)]
            stage += [ResidualBlock(width, width, stride=1) for _ in range(blocks - 1)]
            setattr(self, f"layer{number}", nn.Sequential(*stage))
            before = width
        self.linear = nn.Linear(before, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


def sample_net() -> SampleNet:
    """The network without its weights, which are in `model.safetensors`."""
    return SampleNet()
