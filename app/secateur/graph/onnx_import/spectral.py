"""Fourier transforms and the windows in front of them."""

from collections.abc import Callable
from math import pi
from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.cast import dtype_name
from secateur.graph.onnx_import.storage import torch_dtype
from secateur.graph.onnx_import.values import Numbers, OnnxNode, OperatorTable, Unsupported, items_of

_HANN, _HAMMING, _BLACKMAN = (0.5, 0.5, 0.0), (25 / 46, 21 / 46, 0.0), (0.42, 0.5, 0.08)
"""Weights of 1, −cos and cos of twice the angle, as the functions of the ONNX windows have them."""


def window(weights: tuple[float, float, float]) -> Callable[[GraphBuilder, OnnxNode], fx.Node]:
    """A window whose length is computed; known lengths are folded before they get here."""

    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        dtype = torch_dtype(dtype_name(int(node.attributes.get("output_datatype", 1))))
        if dtype is None:
            raise Unsupported("torch does not have its dtype")
        size, periodic = node.required(0), node.flag("periodic", 1)
        if isinstance(size, Numbers):
            return build.call(_window, items_of(size)[0], weights, periodic, dtype)
        example = torch.zeros((), dtype=dtype).expand(build.extent)
        return build.unknown(example, _window, build.tensor(size), weights, periodic, dtype)

    return handler


def _window(size: Any, weights: tuple[float, float, float], periodic: bool, dtype: torch.dtype) -> torch.Tensor:
    count = int(size)
    angle = torch.arange(count, dtype=torch.float64) * (2 * pi / (count if periodic else max(count - 1, 1)))
    return (weights[0] - weights[1] * angle.cos() + weights[2] * (2 * angle).cos()).to(dtype)


def fourier(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """DFT: the last axis holds real and imaginary parts; the axis became an input in opset 20."""
    source, given = build.tensor(node.required(0)), node.constant(2)
    axis = int(node.attributes.get("axis", 1 if node.opset < 20 else -2))
    if given is not None:
        axis = int(given.reshape(-1)[0])
    length = node.constant(1)
    count = None if length is None else int(length.reshape(-1)[0])
    return build.call(
        _transformed, source, count, build.axis(source, axis), node.flag("inverse"), node.flag("onesided")
    )


def _transformed(values: torch.Tensor, count: int | None, axis: int, inverse: bool, onesided: bool) -> torch.Tensor:
    """The discrete Fourier transform along `axis`; one-sided ones hold the frequencies from 0 to half the rate."""
    if inverse and onesided:
        real: torch.Tensor = torch.fft.irfft(_complex(values), count, axis)
        return real.unsqueeze(-1)
    if inverse:
        return torch.view_as_real(torch.fft.ifft(_complex(values), count, axis))
    if onesided and values.shape[-1] == 1:
        return torch.view_as_real(torch.fft.rfft(values.squeeze(-1), count, axis))
    found = torch.view_as_real(torch.fft.fft(_complex(values), count, axis))
    return found.narrow(axis, 0, found.shape[axis] // 2 + 1) if onesided else found


def _complex(values: torch.Tensor) -> torch.Tensor:
    if values.shape[-1] == 2:
        return torch.view_as_complex(values.contiguous())
    return torch.complex(values.squeeze(-1), torch.zeros_like(values.squeeze(-1)))


def short_time_fourier(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """STFT: transforms of windows that move along the signal."""
    step, length, shape = node.constant(1), node.constant(3), node.input(2)
    if step is None:
        raise Unsupported("its step is missing")
    frame = None if shape is None else build.tensor(shape)
    source = build.tensor(node.required(0))
    count = build.shape(frame)[0] if frame is not None else build.shape(source)[1]
    if length is not None:
        count = int(length.reshape(-1)[0])
    return build.call(_short_time, source, int(step.reshape(-1)[0]), frame, count, node.flag("onesided", 1))


def _short_time(
    signal: torch.Tensor, step: int, frame: torch.Tensor | None, count: int, onesided: bool
) -> torch.Tensor:
    """(N, length, 1 or 2) → (N, frames, frequencies, 2)."""
    frames = signal.unfold(1, count, step).transpose(2, 3)
    weighted = frames if frame is None else frames * frame.reshape(-1, 1)
    return _transformed(weighted, count, 2, False, onesided)


OPERATORS: OperatorTable = {
    "HannWindow": window(_HANN),
    "HammingWindow": window(_HAMMING),
    "BlackmanWindow": window(_BLACKMAN),
    "DFT": fourier,
    "STFT": short_time_fourier,
}
