"""What a pickle wants to import, in plain values: what a person is asked about before such a file is loaded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class WantedImport:
    """One name that a pickle wants, `module.name`. `danger` says what it could do; empty where nothing is known."""

    name: str
    danger: str = ""
