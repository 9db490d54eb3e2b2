"""What is assumed of data where nobody said it, each with its reason, so that it can be seen and put right."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Guess:
    """`key` of a data.yaml, the value it was given, and why: `reason` goes on after "because"."""

    key: str
    value: object
    reason: str

    @property
    def sentence(self) -> str:
        """`task is taken to be similarity, because …`."""
        return f"{self.key} is taken to be {told(self.value)}, because {self.reason}."


def told(value: object) -> str:
    """A value as it would stand in a data.yaml."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {told(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(told(part) for part in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
