"""What a network is, told from its graph: layers, costs, ports, and how they are joined."""
