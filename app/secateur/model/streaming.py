"""Counting many tensors at once: threads share the blocks, so that no core waits for a large tensor or a small one."""

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from secateur.model.spectrum import Spectra
from secateur.model.tally import Block, Desk, Tally, TensorCount

Check = Callable[[int, int], None]
"""Takes the values counted so far and all of them; may raise to cancel."""

_LOOK_S: Final = 0.05
"""How often a waiting caller can cancel."""


def counting_threads() -> int:
    """Threads that count: all cores up to eight, for a pass over memory gains nothing from more."""
    return min(os.cpu_count() or 1, 8)


def count_one(count: TensorCount) -> Spectra:
    """Count one tensor: alone where it is small, else with all threads."""
    if sum(len(blocks) for blocks in count.phases) > 1:
        return next(count_all([count]))[1]
    tally = Tally(Desk())
    for phase, blocks in enumerate(count.phases):
        for begin, stop in blocks:
            count.work(phase, begin, stop, tally)
        count.between(phase, (tally,))
    return count.result((tally,))


def count_all(counts: Sequence[TensorCount], check: Check = lambda done, total: None) -> Iterator[tuple[int, Spectra]]:
    """(index, spectra) of each, as they are ready, which need not be in order.

    `check` is called between results and several times a second; what it raises ends the counting at the end of
    the blocks that are under way.
    """
    crew, threads = _Crew(counts), counting_threads()
    workers = [threading.Thread(target=crew.work, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    total = sum(count.count for count in counts)
    living = threads
    try:
        while living:
            check(int(crew.done), total)
            try:
                result = crew.results.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(result, BaseException):
                raise result
            if result is None:
                living -= 1
            else:
                yield result
    finally:
        crew.stopped.set()
        for worker in workers:
            worker.join()


class _Course:
    """One tensor under way: which look, how many blocks of each are not done, and what each thread has counted."""

    def __init__(self, index: int, count: TensorCount) -> None:
        self.index, self.count = index, count
        self.phase = 0
        self.left = [len(blocks) for blocks in count.phases]
        self.tallies: dict[int, Tally] = {}
        self.turned = threading.Event()


class _Crew:
    """Threads that take the next block of the next tensor until there are none, or until they are told to stop."""

    def __init__(self, counts: Sequence[TensorCount]) -> None:
        self.results: queue.SimpleQueue[tuple[int, Spectra] | BaseException | None] = queue.SimpleQueue()
        self.stopped = threading.Event()
        self.done = 0.0
        self._lock = threading.Lock()
        self._blocks = self._all_blocks(counts)

    def _all_blocks(self, counts: Sequence[TensorCount]) -> Iterator[tuple[_Course, int, Block]]:
        """In order, but the second look at a tensor comes after the first at the next one: nobody waits for its end."""
        later: list[tuple[_Course, int, Block]] = []
        for index, count in enumerate(counts):
            course = _Course(index, count)
            if not count.phases:
                self.results.put((index, count.result(())))
            looks = [[(course, phase, block) for block in blocks] for phase, blocks in enumerate(count.phases)]
            yield from chain(*looks[:1], later)
            later = list(chain(*looks[1:]))
        yield from later

    def work(self, worker: int) -> None:
        """One thread's life."""
        desk = Desk()
        try:
            while not self.stopped.is_set():
                with self._lock:
                    task = next(self._blocks, None)
                if task is None or not self._reached(*task[:2]):
                    return
                self._count(*task, worker, desk)
        except BaseException as problem:  # noqa: BLE001 - handed to the caller's thread, which raises it
            self.stopped.set()
            self.results.put(problem)
        finally:
            self.results.put(None)

    def _reached(self, course: _Course, phase: int) -> bool:
        """Wait until the other threads have finished the look before; False where all were told to stop."""
        while course.phase < phase:
            if self.stopped.is_set():
                return False
            course.turned.wait(_LOOK_S)
        return True

    def _count(self, course: _Course, phase: int, block: Block, worker: int, desk: Desk) -> None:
        with self._lock:
            tally = course.tallies.get(worker) or course.tallies.setdefault(worker, Tally(desk))
        course.count.work(phase, *block, tally)
        with self._lock:
            self.done += (block[1] - block[0]) / len(course.left)
            course.left[phase] -= 1
            is_over = course.left[phase] == 0
        if is_over:
            course.count.between(phase, course.tallies.values())
            course.phase += 1
            course.turned.set()
            if course.phase == len(course.left):
                self.results.put((course.index, course.count.result(course.tallies.values())))
