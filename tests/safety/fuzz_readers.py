"""Opens mutated files: `python fuzz_readers.py FOLDER COUNT SEED`. FOLDER/seeds holds good files.

Mutations follow from the seed and the number of the file, so each can be made again. One JSON line for every file
whose outcome is neither opened nor refused goes to FOLDER/failures.jsonl; FOLDER/at holds the number at work, and a
file that hangs for 10 s ends the process with its traceback in FOLDER/hang.txt.
"""

import faulthandler
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from read_files import outcome

MOST_SECONDS = 10
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)

Random = np.random.Generator


def _flip(data: bytearray, random: Random) -> None:
    for _ in range(int(random.integers(1, 9))):
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))


def _number(data: bytearray, random: Random) -> None:
    width = int(random.choice([1, 2, 4, 8]))
    place = int(random.integers(max(len(data) - width, 1)))
    value = INTERESTING[int(random.integers(len(INTERESTING)))] & ((1 << 8 * width) - 1)
    data[place : place + width] = value.to_bytes(width, "little")


def _cut(data: bytearray, random: Random) -> None:
    del data[int(random.integers(1, len(data) + 1)) :]


def _drop(data: bytearray, random: Random) -> None:
    place = int(random.integers(len(data)))
    del data[place : place + int(random.integers(1, 64))]


def _repeat(data: bytearray, random: Random) -> None:
    place = int(random.integers(len(data)))
    data[place:place] = data[place : place + int(random.integers(1, 256))]


def _noise(data: bytearray, random: Random) -> None:
    place = int(random.integers(len(data)))
    data[place : place + 16] = random.bytes(16)


MUTATIONS: tuple[Callable[[bytearray, Random], None], ...] = (_flip, _number, _number, _cut, _drop, _repeat, _noise)


def mutated(content: bytes, random: Random) -> bytes:
    """One to four mutations; half of them in the first kilobyte, where headers are."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        if not data:
            break
        change = MUTATIONS[int(random.integers(len(MUTATIONS)))]
        if len(data) > 1024 and random.random() < 0.5:
            head = data[:1024]
            change(head, random)
            data[:1024] = head
        else:
            change(data, random)
    return bytes(data)


def main(folder: Path, count: int, seed: int) -> None:
    seeds = sorted((folder / "seeds").iterdir())
    at, failures = folder / "at", folder / "failures.jsonl"
    begin = int(at.read_text()) + 1 if at.exists() else 0
    with (folder / "hang.txt").open("a") as hang:
        for number in range(begin, count):
            random = np.random.default_rng((seed, number))
            chosen = seeds[int(random.integers(len(seeds)))]
            path = folder / f"mutated{chosen.suffix}"
            path.write_bytes(mutated(chosen.read_bytes(), random))
            at.write_text(str(number))
            faulthandler.dump_traceback_later(MOST_SECONDS, exit=True, file=hang)
            found = outcome(path)
            faulthandler.cancel_dump_traceback_later()
            if found["outcome"] == "failed":
                with failures.open("a") as stream:
                    stream.write(json.dumps({"number": number, "seed_file": chosen.name, **found}) + "\n")
    at.write_text(str(count))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
