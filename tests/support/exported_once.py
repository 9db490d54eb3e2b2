"""A network is exported once in a run of tests: torch takes a second for it, and most tests are about what follows.

Networks are the same where all that an export reads of them is: the code of their modules, plain attributes, ports and
every number. One of which that cannot be said is exported as ever. Tests of the export itself use `exported_anew`.
"""

import hashlib
import os
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secateur.graph import lowering

FOLDER = "SECATEUR_TEST_EXPORTS"
"""Names the folder of what was exported, in the environment of tests and of the engines that they start."""

anew = lowering._exported
"""The program's own way."""


def export_once() -> None:
    """From now on this process looks for what was exported already."""
    lowering._exported = _exported


def _exported(model: Any) -> Any:
    import onnx

    key = content_of(model)
    if key is None or FOLDER not in os.environ:
        return anew(model)
    path = Path(os.environ[FOLDER]) / f"{key}.onnx"
    if path.exists():
        return onnx.load(path)
    proto = anew(model)
    partly = path.with_suffix(f".{os.getpid()}")
    onnx.save(proto, partly)
    partly.replace(path)
    return proto


UNREAD = frozenset({"__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__qualname__"})
"""Of a class: not what it computes."""


class UnknownContentError(Exception):
    """Something of a network is not a plain value."""


def content_of(model: Any) -> str | None:
    """What an export reads of a network, as a digest; None where it cannot be told."""
    import torch

    digest = hashlib.sha256(repr((lowering.OPSET, model.inputs, model.outputs)).encode())
    module, places = model.module, {}
    try:
        for name, part in module.named_modules(remove_duplicate=False):
            digest.update(repr((name, list(_told(part)))).encode())
    except UnknownContentError:
        return None
    tensors = (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    for name, tensor in tensors:
        same = places.setdefault(id(tensor), len(places))  # tied weights are told from equal ones
        digest.update(repr((name, same, tensor.dtype, tuple(tensor.shape))).encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _told(part: Any) -> Iterator[object]:
    from torch import fx

    if part._forward_hooks or part._forward_pre_hooks:
        raise UnknownContentError
    yield type(part).__module__, type(part).__qualname__
    if isinstance(part, fx.GraphModule):
        yield part.code
        return
    for kind in type(part).__mro__:
        if kind.__module__.startswith("torch."):
            break
        members = ((name, value) for name, value in vars(kind).items() if name not in UNREAD)
        yield from ((name, _plain(value)) for name, value in members)
    yield from ((name, _plain(value)) for name, value in sorted(vars(part).items()) if not name.startswith("_"))


def _plain(value: object) -> object:
    """`value` in a form that says all of it in every process."""
    import torch

    if value is None or isinstance(value, bool | int | float | str | bytes | torch.dtype):
        return repr(value)
    if isinstance(value, list | tuple):
        return type(value).__name__, [_plain(item) for item in value]
    if isinstance(value, dict):
        return [(_plain(key), _plain(item)) for key, item in value.items()]
    if isinstance(value, staticmethod | classmethod):
        return _plain(value.__func__)
    if isinstance(value, property):
        return _plain(value.fget)
    if isinstance(value, types.FunctionType):
        read = [value.__globals__[name] for name in value.__code__.co_names if name in value.__globals__]
        helpers = [_plain(other.__code__) for other in read if isinstance(other, types.FunctionType)]
        numbers = [repr(other) for other in read if isinstance(other, bool | int | float | str | tuple)]
        return value.__qualname__, _plain(value.__code__), _plain(value.__defaults__), helpers, numbers
    if isinstance(value, types.CodeType):
        return value.co_code, value.co_names, [_plain(item) for item in value.co_consts]
    if isinstance(value, type | types.BuiltinFunctionType):
        return value.__module__, value.__qualname__
    raise UnknownContentError
