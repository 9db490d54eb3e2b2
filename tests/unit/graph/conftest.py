"""Small ONNX graphs and networks, for what imports, describes and follows them."""

from channel_networks import make_model, networks
from onnx_networks import graph, network, network_file, random

__all__ = ["graph", "make_model", "network", "network_file", "networks", "random"]
