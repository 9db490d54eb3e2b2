"""What a person sees of an opened model: layers, costs, its graph, at a glance or in full."""
