"""What is rounded in a network for each of many plans, compiled: the loops of `latency_limit.py`.

The same as `Flow.rounded`, on numbers: values are places in the order of the graph.
"""

from typing import Any

import numpy as np

from secateur.model.compiling import njit


@njit(cache=True, nogil=True)
def told(
    static: Any,
    values: Any,
    able: Any,
    operators: Any,
    source_starts: Any,
    sources: Any,
    reader_starts: Any,
    readers: Any,
    quantize: Any,
    dequantize: Any,
    total: Any,
    between: Any,
) -> None:
    """Fill `total` (plans,) and `between` (plans, layers) for the layers `static` (plans, layers) in integers.

    `values` (layers,): the value that a layer makes; `able` (layers,): it may be computed in integers between others.
    `operators`: values, in the order of the graph, of what computes in integers where all that it reads is rounded.
    What value v is made of is `sources[source_starts[v]:source_starts[v + 1]]`, as its readers. `quantize`,
    `dequantize` (values,): milliseconds.
    """
    count = len(quantize)
    integer, rounded, computed = np.empty(count, np.bool_), np.empty(count, np.bool_), np.empty(count, np.bool_)
    for plan in range(len(static)):
        integer[:] = False
        for place in range(len(values)):
            integer[values[place]] = static[plan, place]
        rounded[:] = integer
        for place in range(len(values)):
            if static[plan, place]:
                value = values[place]
                for at in range(source_starts[value], source_starts[value + 1]):
                    rounded[sources[at]] = True
        for value in operators:
            every = True
            for at in range(source_starts[value], source_starts[value + 1]):
                every &= rounded[sources[at]]
            if every:
                integer[value] = rounded[value] = True
        computed[:] = integer
        for place in range(len(values)):
            value = values[place]
            some = False
            if able[place] and rounded[value] and not integer[value]:
                for at in range(source_starts[value], source_starts[value + 1]):
                    some |= rounded[sources[at]]
            between[plan, place] = some
            computed[value] |= some
        ms = 0.0
        for value in range(count):
            if rounded[value]:
                if not computed[value]:
                    ms += quantize[value]
                floats = False
                for at in range(reader_starts[value], reader_starts[value + 1]):
                    floats |= not computed[readers[at]]
                if floats:
                    ms += dequantize[value]
        total[plan] = ms
