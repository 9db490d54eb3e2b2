"""A target is a runtime on a kind of machine. One file per runtime; this is the pattern that all of them follow."""

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar, Final

from secateur.model.description import Layer
from secateur.model.workload import Precision, Workload
from secateur.targets.timings import Spread

INTEGER_BITS: Final = (7, 8)
"""Of weights that integer kernels compute with: 7 stand for 7 and fewer, which are unpacked when a file is loaded."""

SLOWER_FROM: Final = 1.02
"""A ratio of milliseconds from which on slower is called slower: below, it is the machine's noise."""


class Target:
    """A runtime on a kind of machine: what it computes in integers, which shapes it likes, whether it runs here.

    The class is data, importable without the runtime. `id`, `title` and `runtime` have no defaults. `module` is the
    package that runs it here, `formats` the ids of the formats that it reads.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    runtime: ClassVar[str]
    formats: ClassVar[tuple[str, ...]]
    module: ClassVar[str] = ""
    channel_step: ClassVar[int] = 8
    """What its kernels like a number of channels to be a multiple of, where that was not measured on the machine."""
    machine: ClassVar[str] = ""
    """What it runs on, where that is not this machine."""
    linear_bits: ClassVar[tuple[int, ...]] = ()
    """Widths of stored weights that its linear layers multiply with activations rounded to 8 bits on the way."""

    unpacks_once: ClassVar[bool] = False
    """Whether weights that are only stored in few bits, a scale per channel, are unpacked when it loads the file."""

    def __init_subclass__(cls) -> None:
        missing = [name for name in ("id", "title", "runtime", "formats") if name not in cls.__dict__]
        if missing:
            raise TypeError(f"{cls.__name__} must say its {', '.join(missing)}")

    @property
    def called(self) -> str:
        """Its title where a sentence is about what it does on the machine at hand."""
        return self.title if self.machine else f"{self.title} here"

    @property
    def where(self) -> str:
        """Where its verdicts hold, as the last word of a short one: `faster here`, `faster in Core ML`."""
        return "here" if self.why_not_timed() is None else f"in {self.title}"

    def computes(self, precision: Precision, layer: Layer) -> str | None:
        """None where the layer is computed in integers at this precision, hence faster; else why not, as a sentence."""
        if precision.is_float:
            return "It stays in float."
        if not precision.is_static:
            if precision.weight_bits in self.linear_bits and not layer.kernel:
                return None
            return f"{self.called} unpacks {precision.weight_bits}-bit weights to float before it computes."
        if precision.weight_bits in INTEGER_BITS and precision.activation_bits == 8 and not precision.group:
            return None
        if precision.activation_bits != 8:
            bits = precision.activation_bits
            return f"{self.called} has no kernels for {bits}-bit activations: it computes this layer in float."
        return f"{self.called} has no integer kernels for {precision.words}."

    def skips_zeros(self, layer: Layer) -> str | None:
        """None where weights that are zero are not multiplied with; else why not, as a sentence."""
        return f"{self.title} has no sparse kernels: the zeros help only after zip."

    def why_not_timed(self) -> str | None:
        """None where its milliseconds can be measured on this machine, else a sentence that says why not."""
        return f"{self.title} runs on {self.machine}: milliseconds have to be measured there." if self.machine else None

    def version(self) -> str:
        """The version of the runtime that is installed here; empty where none is."""
        return installed_version(self.module)

    def kernel_times(
        self, works: Sequence[Workload], threads: int, check: Callable[[], None] = lambda: None
    ) -> list[Spread]:
        """Milliseconds of each workload alone, measured in turns; `check` is the cancel point."""
        raise NotImplementedError

    def session(self, path: Path, threads: int) -> Callable[..., object]:
        """A function that runs an ONNX file on one sample, with an argument for each input."""
        raise NotImplementedError

    def cause_of_slowness(self, precisions: Iterable[Precision]) -> str:
        """Why a network is slower at these precisions, and the way out; empty where they cannot be the cause."""
        known = tuple(precisions)
        if any(not p.is_float and not p.is_static and (p.group or not self.unpacks_once) for p in known):
            return (
                f"{self.title} unpacks weights that are only stored in few bits before every product: "
                "static quantization in those layers is computed in integers."
            )
        if any(p.is_static for p in known):
            return (
                "Small layers spend more time on converting numbers than 8-bit arithmetic saves: "
                "leave the smallest in float."
            )
        return ""

    def sentence(self, precision: Precision, layer: Layer) -> str:
        """What becomes of a layer at this precision, before anything was measured."""
        if reason := self.computes(precision, layer):
            return reason
        if not precision.is_static:
            return f"{self.title} multiplies the {precision.weight_bits}-bit weights of this layer in integers."
        told = f"{self.title} computes this layer in {precision.activation_bits}-bit integers"
        if self.machine:
            return f"{told}; how much that gains has to be measured on {self.machine}."
        return f"{told}; the run measures how much that gains." if self.why_not_timed() is None else f"{told}."


def installed_version(module: str) -> str:
    """The version of an installed package; empty where it is not."""
    try:
        return version(module) if module else ""
    except PackageNotFoundError:
        return ""
