"""Answers to questions about one sample and about the weights of a layer."""

from dataclasses import dataclass

from secateur.model.maps import LayerMaps, Thumbnail
from secateur.model.weight_views import ChannelFigures, FilterPage, MatrixTile


@dataclass(frozen=True, eq=False)
class MapsRead:
    maps: LayerMaps


@dataclass(frozen=True, eq=False)
class SamplesShown:
    """Small pictures of the test split, which holds `total` samples."""

    total: int
    samples: tuple[Thumbnail, ...]


@dataclass(frozen=True, eq=False)
class ChannelsRead:
    layer: str
    figures: ChannelFigures


@dataclass(frozen=True, eq=False)
class FiltersRead:
    layer: str
    page: FilterPage


@dataclass(frozen=True, eq=False)
class MatrixRead:
    layer: str
    tile: MatrixTile
