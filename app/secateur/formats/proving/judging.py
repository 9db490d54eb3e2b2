"""Whether what a written file answers is what the simulation answers: the limits, and the words for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.data.reading import Reading
from secateur.formats.base import LocalProof, WriteOptions
from secateur.model.documents import Verdict

AGREEMENT: Final = 0.995
"""Share of equal decisions that a file must reach, less two standard errors of the samples that were compared."""

FLOAT_DEVIATION: Final = 1e-3
ENCODED_DEVIATION: Final = 0.05
"""Root mean square deviation, relative to that of the simulated outputs, which integer arithmetic may show."""

SMALL_BESIDE: Final = 0.1
"""10 dB: the power of a file's error against the simulation, beside that of the simulation against float."""

AS_NEAR: Final = 10.0**0.1
"""1 dB: how much further from float a file may be than its simulation."""

NEGLIGIBLE: Final = 1e-6
"""60 dB below the signal: an error that needs no explanation."""

HALF_DEVIATION: Final = 0.02
"""The same for float16, whose numbers have three decimal digits: layers add up to a few times their 0.05 %."""

WEIGHT_DEVIATION: Final = 1e-5
HALF_WEIGHT_DEVIATION: Final = 1e-3

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """`largest` difference relative to the largest simulated value, and `spread` (root mean square, relative).

    None where it does not count.
    """

    largest: float | None
    spread: float | None

    @staticmethod
    def of(options: WriteOptions, *, is_encoded: bool) -> "Limits":
        """What a file that is written with these options may show."""
        if is_encoded:
            return Limits(None, ENCODED_DEVIATION)
        if options.computes_in == "float16":
            return Limits(None, HALF_DEVIATION)
        return Limits(FLOAT_DEVIATION, None)


@dataclass(frozen=True)
class Comparison:
    """One array beside the simulated one. `problem` is a sentence where they cannot be compared at all."""

    deviation: float = 0.0
    spread: float = 0.0
    problem: str = ""

    def is_within(self, limits: Limits) -> bool:
        if self.problem:
            return False
        return (limits.largest is None or self.deviation <= limits.largest) and (
            limits.spread is None or self.spread <= limits.spread
        )


@dataclass(frozen=True)
class Judgement:
    """What came out: the verdict, the largest deviation of what is read of the outputs, and equal decisions in it."""

    verdict: Verdict
    deviation: float | None
    agreement: float | None
    sentence: str

    @property
    def verified(self) -> bool:
        return self.verdict == "proven"


def compared(expected: Array, actual: Array, what: str = "The file gives") -> Comparison:
    """Relative differences of one output (or one weight)."""
    if expected.shape != actual.shape:
        return Comparison(problem=f"{what} the shape {actual.shape[1:]}, the network {expected.shape[1:]}.")
    if np.isfinite(expected).all() and not np.isfinite(actual).all():
        return Comparison(problem=f"{what} values that are not finite.")
    if not expected.size:
        return Comparison()
    with np.errstate(invalid="ignore"):  # infinities that both have are no difference
        difference = np.where(expected == actual, 0.0, np.abs(expected - actual))
    known = np.isfinite(difference) & np.isfinite(expected)
    difference, scale = difference[known].astype(np.float64), expected[known].astype(np.float64)
    if not scale.size:
        return Comparison()
    return Comparison(
        _relative(difference.max(), np.abs(scale).max()),
        _relative(float(np.sqrt(np.square(difference).mean())), float(np.sqrt(np.square(scale).mean()))),
    )


def judge(
    expected: Sequence[Array],
    actual: Sequence[Array],
    limits: Limits,
    runtime: str,
    local: LocalProof | None = None,
    floats: Sequence[Array] | None = None,
    reading: Reading | None = None,
    names: Sequence[str] = (),
) -> Judgement:
    """All outputs of a file beside the simulation's, samples along axis 0 of each.

    Where `local` proves an encoded file layer by layer, the outputs need only be as near to the simulation's as
    rounding explains (`_is_explained`); `floats` are the outputs of the network without encodings. A file of which the
    outputs alone are known must keep within `limits`, and decide alike. `reading` is what the task of the samples reads
    of them: that is told first, and the outputs that it does not read after it, by their `names`. Without a task all
    outputs are told together, and the largest value of the first one is a decision.
    """
    if len(expected) != len(actual):
        return Judgement("broken", None, None, f"The file gives {len(actual)} outputs, the network {len(expected)}.")
    found = []
    for number, (ours, theirs) in enumerate(zip(expected, actual, strict=True), 1):
        what = "The file gives outputs of" if len(expected) == 1 else f"The file's output {number} has"
        found.append(compared(ours, theirs, what))
    problem = next((comparison.problem for comparison in found if comparison.problem), "")
    if problem:
        return Judgement("broken", None, None, problem)
    count = len(expected[0]) // (reading.batch.passes if reading is not None else 1)
    share = agreement(expected[0], actual[0]) if reading is None else reading.agreement(expected, actual)
    deviation, told = _told(expected, actual, found, reading, names)
    alike = "" if share is None else f" the same decision on {share * 100:.4g} % and"
    words = f"{runtime} and the simulation gave{alike} {told}, on {count:,} samples"
    if local is None:
        allowed = AGREEMENT - 2.0 * (AGREEMENT * (1.0 - AGREEMENT) / max(count, 1)) ** 0.5
        is_alike = all(comparison.is_within(limits) for comparison in found) and (share is None or share >= allowed)
        if is_alike:
            return Judgement("proven", deviation, share, f"{words}.")
        return Judgement("differs", deviation, share, f"Differs from the simulation: {words}; that is too far apart.")
    if not local.is_right:
        return Judgement("differs", deviation, share, f"Differs from the simulation: {local.sentence} {words}.")
    noise = max(NEGLIGIBLE, local.own_noise)
    triples = zip(floats or (), expected, actual, strict=False)
    if not all(_is_explained(exact, simulated, made, noise) for exact, simulated, made in triples):
        said = (
            f"{words}; that is more than the rounding in its layers explains, although each of them is right by itself"
        )
        return Judgement("differs", deviation, share, f"Differs from the simulation: {said}.")
    said = f"{words}; every number and every layer in it is as planned. {local.remark}".strip()
    return Judgement("proven", deviation, share, said)


def _told(
    expected: Sequence[Array],
    actual: Sequence[Array],
    found: Sequence[Comparison],
    reading: Reading | None,
    names: Sequence[str],
) -> tuple[float, str]:
    """(largest deviation of what is read, how far all outputs are apart in words): what is read stands first."""
    place = reading.place(expected) if reading is not None else None
    read = [reading.answers(outputs) for outputs in (expected, actual)] if reading is not None else [None, None]
    if place is None or read[0] is None or read[1] is None:
        deviation = max(comparison.deviation for comparison in found)
        outputs = "outputs" if len(found) == 1 else f"{len(found)} outputs"
        return deviation, f"{outputs} within {_percent(deviation)}" if deviation else f"the same {outputs}"
    deviation = compared(read[0], read[1]).deviation
    if len(found) == 1:
        return deviation, f"outputs within {_percent(deviation)}" if deviation else "the same outputs"
    others = ", ".join(
        f"{names[number] if number < len(names) else f'output {number + 1}'}, which the task does not read, within "
        f"{_percent(comparison.deviation)}"
        for number, comparison in enumerate(found)
        if number != place
    )
    return deviation, f"answers within {_percent(deviation)} ({others})"


def _percent(deviation: float) -> str:
    return f"{deviation * 100:.2g} %"


def _is_explained(exact: Array, simulated: Array, actual: Array, negligible: float) -> bool:
    """Whether the file's error against the simulation is small beside the simulation's against float (10 dB below).

    Or, since ties that are rounded the other way add up over many layers until the two errors are as good as
    independent: whether the file is as near to float as the simulation is, to 1 dB. Both hold for rounding alone; a
    wrong number makes the file worse than its simulation.
    """
    known = np.isfinite(exact) & np.isfinite(simulated) & np.isfinite(actual)

    def power(values: Array) -> float:
        return float(np.square(values[known].astype(np.float64)).sum())

    signal, of_simulation = power(exact), power(simulated - exact)
    apart, of_file = power(actual - simulated), power(actual - exact)
    return apart <= max(of_simulation * SMALL_BESIDE, signal * negligible) or of_file <= of_simulation * AS_NEAR


def judge_weights(expected: Mapping[str, Array], actual: Mapping[str, Array], options: WriteOptions) -> Judgement:
    """The weights that a file holds beside the model's own, by layer."""
    absent = [name for name in expected if name not in actual]
    if absent:
        return Judgement("broken", None, None, f"The file holds no weight of the layer {absent[0]}.")
    worst, where = 0.0, ""
    for name, weight in expected.items():
        comparison = compared(weight, actual[name].reshape(weight.shape) if actual[name].size == weight.size
                              else actual[name])  # fmt: skip
        if comparison.problem:
            return Judgement("broken", None, None, f"{comparison.problem.rstrip('.')} in the layer {name}.")
        if comparison.deviation > worst:
            worst, where = comparison.deviation, name
    limit = HALF_WEIGHT_DEVIATION if options.computes_in == "float16" else WEIGHT_DEVIATION
    if options.weight_error is not None:
        limit = options.weight_error
    words = f"The weights of its {len(expected)} layers were read back within {worst * 100:.2g} % of the model's"
    if worst <= limit:
        return Judgement("proven", worst, None, f"{words}.")
    return Judgement(
        "differs", worst, None, f"Differs from the model: {words} (the layer {where}); that is too far apart."
    )


def decisions(outputs: Array) -> NDArray[np.int64] | None:
    """The index of the largest value along axis 1 (one per position of further axes); None where nothing is decided."""
    if outputs.ndim < 2 or outputs.shape[1] < 2:
        return None
    return np.asarray(outputs.argmax(axis=1), dtype=np.int64)


def agreement(expected: Array, actual: Array) -> float | None:
    """Share of equal decisions, 0..1; None where the outputs decide nothing."""
    ours, theirs = decisions(expected), decisions(actual)
    if ours is None or theirs is None or ours.shape != theirs.shape or not ours.size:
        return None
    return float((ours == theirs).mean())


def _relative(difference: float, scale: float) -> float:
    return float(difference) / max(float(scale), 1e-12)
