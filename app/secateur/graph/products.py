"""Products with stored matrices that no layer of torch's own covers."""

import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
from torch import nn  # noqa: TID253


class MatrixProduct(nn.Module):
    """x·W (+ b), or W·x, with W as a file stores it: a stack of matrices, one on the left, or one that is tied.

    `order` puts the axes of the weight in the order in which it is multiplied, `channel_axis` is the axis of the
    output channels in the weight as it is stored.
    """

    def __init__(
        self,
        weight: nn.Parameter,
        order: tuple[int, ...],
        channel_axis: int,
        *,
        is_left: bool = False,
        bias: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.bias = None if bias is None else nn.Parameter(bias)
        self.order = order
        self.channel_axis = channel_axis
        self.is_left = is_left

    def forward(self, source: torch.Tensor) -> torch.Tensor:
        is_straight = self.order == tuple(range(len(self.order)))
        matrix = self.weight if is_straight else self.weight.permute(self.order)
        if self.is_left:
            return torch.matmul(matrix, source)
        made = torch.matmul(source, matrix)
        return made if self.bias is None else made + self.bias

    @property
    def contracted(self) -> int:
        """How many numbers are multiplied and added for one number of the result."""
        return int(self.weight.shape[self.order[-1 if self.is_left else -2]])

    def extra_repr(self) -> str:
        shape = "×".join(str(size) for size in self.weight.shape)
        return f"{shape}{', on the left' if self.is_left else ''}"
