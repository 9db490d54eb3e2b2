"""Where a network will run."""
