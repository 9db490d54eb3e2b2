"""ONNX Runtime on this machine's CPU."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from secateur.model.workload import Precision, Workload
from secateur.targets.base import Target
from secateur.targets.timings import Spread

INT8: Final = Precision(8, 8)
FEWER: Final = Precision(7, 8)


class OnnxRuntime(Target):
    """Computes in 8-bit integers where weights and activations are; other weights are unpacked to float first."""

    id: ClassVar[str] = "onnxruntime"
    title: ClassVar[str] = "ONNX Runtime"
    runtime: ClassVar[str] = "ONNX Runtime"
    formats: ClassVar[tuple[str, ...]] = ("onnx",)
    module: ClassVar[str] = "onnxruntime"
    channel_step: ClassVar[int] = 8
    unpacks_once: ClassVar[bool] = True

    def kernel_times(
        self, works: Sequence[Workload], threads: int, check: Callable[[], None] = lambda: None
    ) -> list[Spread]:
        from secateur.graph.qdq.overflow import overflows_here
        from secateur.targets.kernels import kernel_times

        if overflows_here():
            return kernel_times(works, threads, check)
        # weights of 8 bits and of fewer run in the same kernels: timed once
        same = [work.at(INT8) if work.precision == FEWER else work for work in works]
        alone = list(dict.fromkeys(same))
        known = dict(zip(alone, kernel_times(alone, threads, check), strict=True))
        return [known[work] for work in same]

    def session(self, path: Path, threads: int) -> Callable[..., object]:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        return lambda *inputs: session.run(None, dict(zip(names, inputs, strict=False)))
