"""Counting the products of matrices that belong to no layer: what attention does with queries, keys and values."""

from typing import Any, Final

import torch  # noqa: TID253 - imported lazily by secateur.graph.describing.tracing
from torch.nn import functional as F  # noqa: N812, TID253
from torch.overrides import TorchFunctionMode  # noqa: TID253

_PRODUCTS: Final = frozenset({torch.matmul, torch.bmm, torch.Tensor.matmul, torch.Tensor.bmm, torch.Tensor.__matmul__})


def _is_stored(factor: Any) -> bool:
    """Whether a factor is a parameter, or one with its axes in another order: the product is a layer's."""
    return isinstance(factor, torch.nn.Parameter) or isinstance(getattr(factor, "_base", None), torch.nn.Parameter)


class CountingProducts(TorchFunctionMode):
    """While it is entered, `macs` grows by the multiply-accumulates of every product and every attention."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func is F.scaled_dot_product_attention:
            given = [*args[:3], *(options[name] for name in ("query", "key", "value")[len(args[:3]) :])]
            query, key, value = given
            self.macs += query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])
        made = func(*args, **options)
        if func in _PRODUCTS and isinstance(made, torch.Tensor) and args and not any(map(_is_stored, args[:2])):
            self.macs += made.numel() * int(args[0].shape[-1])
        return made
