"""Small networks of every make that channel pruning meets."""

from channel_networks import make_model, networks

__all__ = ["make_model", "networks"]
