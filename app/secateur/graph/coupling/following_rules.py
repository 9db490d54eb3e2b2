"""Which rule is for which operation of torch, and what every operation has in common (see `following`)."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch  # noqa: TID253 - imported by channel removal alone

from secateur.graph.coupling.following import Follower, Stored
from secateur.graph.coupling.mark_tensors import filled, tensors_in
from secateur.graph.coupling.marks import ANY, FIXED
from secateur.graph.coupling.rules import common, layers, moving, norms, values

Rule = Callable[[Follower, Any, Sequence[Any], Any], Any]
"""(follower, operation, its arguments in full, its result) → marks of the result: a tensor, a list, or None."""

SAME: Final = frozenset({
    "clone", "alias", "detach", "detach_", "contiguous", "_to_copy", "lift_fresh", "to", "dropout", "native_dropout",
    "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "bernoulli", "bernoulli_",
    "fill_", "zero_",
})  # fmt: skip
UNTAGGED: Final = frozenset({"hardswish", "hardswish_", "rrelu_with_noise", "log_sigmoid_forward", "_prelu_kernel"})
"""Computed value by value, though torch does not say so."""
MOVING: Final = frozenset({
    "permute", "transpose", "t", "unsqueeze", "squeeze", "flip", "stack", "cat", "repeat", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle", "im2col", "unfold", "movedim", "t_", "squeeze_",
    "unsqueeze_", "transpose_", "tile",
})  # fmt: skip
RESHAPING: Final = frozenset({"view", "_unsafe_view", "reshape", "_reshape_alias"})
CUTTING: Final = frozenset({"slice", "split", "split_with_sizes", "select", "unbind", "chunk", "narrow"})
SPATIAL: Final = ("pool", "upsample", "reflection_pad", "replication_pad", "grid_sampler", "_upsample")
NORMS: Final = frozenset({
    "native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit",
    "_batch_norm_with_update", "miopen_batch_norm", "_batch_norm_no_update",
})  # fmt: skip
ALONG_ALL: Final = frozenset(
    {"_softmax", "_log_softmax", "cumsum", "cumprod", "logcumsumexp", "softmax", "log_softmax"}
)
ATTENTION: Final = "scaled_dot_product"
QUIET: Final = frozenset({"_local_scalar_dense", "item", "is_nonzero", "equal", "sym_size", "arange", "_assert_async"})


def follow(run: Follower, func: Any, args: Sequence[Any], kwargs: Any, result: Any) -> None:
    """Give the results of an operation their marks."""
    name = func._schema.name.partition("::")[2]
    full = _in_full(func, args, kwargs)
    given = tensors_in((args, kwargs))
    made = tensors_in(result)
    if not made:
        return
    if _is_view_of_stored(run, name, given, made):
        return
    rule = _rule(name, func)
    marks = rule(run, func, full, result) if given else filled(ANY, made[0].shape)
    for tensor, own in zip(made, marks if isinstance(marks, list) else [marks] * len(made), strict=False):
        if own is not None:
            run.mark(tensor, own if own.ndim == tensor.ndim else filled(FIXED, tensor.shape))


def _in_full(func: Any, args: Sequence[Any], kwargs: Any) -> list[Any]:
    """All arguments in the order of the operation's schema, defaults filled in."""
    full = list(args)
    for argument in func._schema.arguments[len(args) :]:
        full.append(kwargs.get(argument.name, argument.default_value if argument.has_default_value() else None))
    return full


def _rule(name: str, func: Any) -> Rule:
    tags = {str(tag).rpartition(".")[2] for tag in func.tags}
    if name in BY_NAME:
        return BY_NAME[name]
    for names, rule in BY_SET:
        if name in names:
            return rule
    if "pointwise" in tags:
        return values.elementwise
    if "reduction" in tags:
        return values.reduced
    if name.startswith(SPATIAL) or any(part in name for part in ("_pool", "upsample")):
        return values.spatial
    if ATTENTION in name:
        return layers.attention
    return common.not_followed


# ---------------------------------------------------------------------- stored tensors on their way


def _is_view_of_stored(run: Follower, name: str, given: list[torch.Tensor], made: list[torch.Tensor]) -> bool:
    """Whether this only turned a stored tensor or gave it axes of size 1; then the result is a view of it."""
    if len(given) != 1 or len(made) != 1:
        return False
    view = run.look(given[0])
    if not isinstance(view, Stored):
        return False
    shape = tuple(made[0].shape)
    if name in {"t", "transpose", "permute"}:
        places = torch.arange(given[0].ndim).tolist()
        order = _order_of_axes(name, given[0].ndim, places, made[0], given[0])
        run.mark_view(made[0], Stored(view.name, tuple(view.axes[place] for place in order)))
        return True
    long = [size for size in given[0].shape if size != 1]
    if name in RESHAPING | SAME | {"unsqueeze", "squeeze", "expand", "repeat"} and [s for s in shape if s != 1] == long:
        axes = iter(axis for axis, size in zip(view.axes, given[0].shape, strict=True) if size != 1)
        run.mark_view(made[0], Stored(view.name, tuple(None if size == 1 else next(axes) for size in shape)))
        return True
    return False


def _order_of_axes(
    name: str, rank: int, places: list[int], made: torch.Tensor, given: torch.Tensor
) -> list[int]:  # strides tell it whatever the arguments were
    if name == "t" or (name == "transpose" and rank == 2):
        return places[::-1] if rank == 2 and made.stride() != given.stride() else _by_strides(made, given)
    return _by_strides(made, given)


def _by_strides(made: torch.Tensor, given: torch.Tensor) -> list[int]:
    """Which axis of `given` each axis of its transposition `made` is."""
    left = list(range(given.ndim))
    order = []
    for size, stride in zip(made.shape, made.stride(), strict=True):
        place = next(p for p in left if given.shape[p] == size and given.stride(p) == stride)
        left.remove(place)
        order.append(place)
    return order


def quiet(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    return [filled(FIXED, tensor.shape) for tensor in tensors_in(result)]


BY_NAME: Final[dict[str, Rule]] = {
    "convolution": layers.convolution,
    "_convolution": layers.convolution,
    "mm": layers.product,
    "bmm": layers.product,
    "addmm": layers.product,
    "baddbmm": layers.product,
    "linear": layers.linear,
    "embedding": layers.embedding,
    "native_group_norm": norms.group_norm,
    "native_layer_norm": norms.layer_norm,
    "roll": moving.rolled,
    "glu": values.halves,
    "expand": moving.expanded,
    "constant_pad_nd": moving.padded,
    "index_select": moving.picked,
    "index": moving.picked,
    "max": values.reduced,
    "min": values.reduced,
    "argmax": values.reduced,
    "argmin": values.reduced,
    "var_mean": values.reduced,
    "logsumexp": values.reduced,
    "new_zeros": values.new_of_a_size,
    "new_ones": values.new_of_a_size,
    "new_full": values.new_of_a_size,
    "new_empty": values.new_of_a_size,
}

BY_SET: Final[tuple[tuple[frozenset[str], Rule], ...]] = (
    (SAME, values.same),
    (UNTAGGED, values.elementwise),
    (MOVING, moving.moved),
    (RESHAPING, moving.reshaped),
    (CUTTING, moving.cut),
    (NORMS, norms.batch_norm),
    (ALONG_ALL, norms.mixed_along),
    (QUIET, quiet),
)
