"""Which integer stands for each weight: the nearest is the best for a weight alone, and not for what a layer gives."""
