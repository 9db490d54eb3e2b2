"""Numba, made ready before the first function is compiled.

Numba gathers what it knows of Python's own functions when it compiles for the first time. Where two threads do that at
once the second one finds `max` unknown. Here it is gathered when this module is imported, which Python lets one thread
do while all others wait.
"""

from numba import njit  # noqa: TID253 - imported by files that are compiled kernels alone
from numba.core.registry import cpu_target  # noqa: TID253

cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()

__all__ = ["njit"]
