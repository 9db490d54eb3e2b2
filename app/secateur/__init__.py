"""Secateur: see, shrink and prove neural networks."""

from secateur.privacy import keep_local

keep_local()  # here, because no library may be loaded before it

__version__ = "0.1.0"
