"""What is known of the sample that a person follows through the network: a part of the session's state."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from secateur.engine.events import SampleFollowed
from secateur.engine.requests import DataSource, FollowSample
from secateur.model.maps import AnswerAt, LayerMaps, TakenSample, Thumbnail


@dataclass(frozen=True)
class Followed:
    """`request` is the newest question; what is shown is of it from when `taken` is there.

    `is_running` until it has ended, and `doing` what. `maps` are by layer. `problem` is a sentence and a hint where the
    question could not be answered.
    """

    request: FollowSample | None = None
    is_running: bool = False
    doing: str = ""
    taken: TakenSample | None = None
    maps: Mapping[str, LayerMaps] = field(default_factory=dict)
    answers: tuple[AnswerAt, ...] = ()
    end: SampleFollowed | None = None
    problem: tuple[str, str] = ("", "")
    page: LayerMaps | None = None
    """Further channels of a layer."""
    close: LayerMaps | None = None
    """One channel of a layer, as large as it is."""
    data: DataSource | None = None
    """What `thumbnails` and `total` are of."""
    total: int = 0
    """Samples in the test split; 0 until it is known."""
    thumbnails: Mapping[int, Thumbnail] = field(default_factory=dict)
