"""Names along an axis: layers grouped by the first part of their name, with a short name inside the group."""

import re
from collections.abc import Sequence


def layer_groups(names: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Neighbours with one first part: (group, numbers). A common first part of all names is skipped."""
    parts = [name.split(".") for name in names]
    skipped = 0
    while len(names) > 1 and all(len(p) > skipped + 1 for p in parts) and len({p[skipped] for p in parts}) == 1:
        skipped += 1
    groups: list[tuple[str, list[int]]] = []
    for index, part in enumerate(parts):
        head = part[skipped]
        if not groups or groups[-1][0] != head:
            groups.append((head, []))
        groups[-1][1].append(index)
    return groups


def short_name(name: str, group: str) -> str:
    """`layer2.1.conv1` in `layer2` is `1.1`: the numbers where every part ends in one, else the last part."""
    parts = name.split(".")
    rest = parts[parts.index(group) + 1 :] if group in parts else parts
    if not rest:
        return name
    numbers = [match.group() for part in rest if (match := re.search(r"\d+$", part))]
    return ".".join(numbers) if len(numbers) == len(rest) else rest[-1]
