"""What a person names as data: the value that requests carry, without anything heavy behind it."""

from dataclasses import dataclass, field, replace

from secateur.model.description import absolute_path


@dataclass(frozen=True)
class DataSource:
    """`sample:mnist`, a path, or a data.yaml; `preprocessing` overrides what the source says."""

    path: str
    preprocessing: dict[str, object] = field(default_factory=dict)

    def absolute(self) -> "DataSource":
        """The same data from whatever folder it is asked for: what is written down to be opened another day."""
        if self.path == "random":  # whatever lies in the folder at hand
            return self
        place, colon, name = self.path.rpartition(":")
        if colon and place.endswith(".py"):
            return replace(self, path=f"{absolute_path(place)}:{name}")
        return replace(self, path=absolute_path(self.path))

    @property
    def file(self) -> str:
        """The file or folder that is read: of `file.py:function` the file."""
        place, colon, _ = self.path.rpartition(":")
        return place if colon and place.endswith(".py") else self.path
