"""The usual ways of preparing images for a network, by name: the window offers them, the baseline check tries them."""

from dataclasses import dataclass

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
GREY_MEAN, GREY_STD = (0.449,), (0.226,)
"""Those of ImageNet in grey."""

SCALE = 1 / 255
Size = tuple[int | None, int | None]
"""Height and width that a network takes; None where it takes any."""


@dataclass(frozen=True)
class Preset:
    """(pixel × scale − mean) / std, for three channels and for one; a single value counts for every channel.

    `resize` and `crop` are the sizes that go with it, in pixels, where a network takes them; 0 where none do. `said`
    is what it does to the pixels, for sentences.
    """

    id: str
    title: str
    said: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    grey_mean: tuple[float, ...]
    grey_std: tuple[float, ...]
    scale: float = SCALE
    resize: int = 0
    crop: int = 0

    def values(self, channels: int | None, size: Size = (None, None)) -> dict[str, object]:
        """The keys of the preprocessing for a network that takes so many channels and images of this size.

        Sizes are left out where the network takes others: images are then resized to what it takes.
        """
        is_grey = channels == 1
        values: dict[str, object] = {
            "mean": list(self.grey_mean if is_grey else self.mean),
            "std": list(self.grey_std if is_grey else self.std),
        }
        if self.scale != SCALE:
            values["scale"] = self.scale
        side = self.crop or self.resize
        if side and all(length in (None, side) for length in size):
            values["resize"] = self.resize
            if self.crop:
                values["crop"] = self.crop
        return values


PRESETS: tuple[Preset, ...] = (
    Preset(
        "imagenet", "ImageNet", "ImageNet mean and std", IMAGENET_MEAN, IMAGENET_STD, GREY_MEAN, GREY_STD,
        resize=256, crop=224,
    ),
    Preset("unit", "[0, 1]", "pixels scaled to 0…1", (0.0,), (1.0,), (0.0,), (1.0,)),
    Preset("symmetric", "[−1, 1]", "pixels scaled to −1…1", (0.5,), (0.5,), (0.5,), (0.5,)),
    Preset(
        "mnist", "MNIST", "MNIST mean and std", (0.1307,), (0.3081,), (0.1307,), (0.3081,), resize=28,
    ),
    Preset("none", "None", "pixels left at 0…255", (0.0,), (1.0,), (0.0,), (1.0,), scale=1.0),
)  # fmt: skip


def preset(name: str) -> Preset:
    """The preset of this id; KeyError where there is none."""
    for candidate in PRESETS:
        if candidate.id == name:
            return candidate
    raise KeyError(name)
