"""What a person names as data: the value that requests carry, without anything heavy behind it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DataSource:
    """`sample:mnist`, a path, or a data.yaml; `preprocessing` overrides what the source says."""

    path: str
    preprocessing: dict[str, object] = field(default_factory=dict)
