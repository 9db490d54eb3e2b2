"""Secateur: see, shrink and prove neural networks."""

__version__ = "0.1.0"
