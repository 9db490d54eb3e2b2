"""Whether a written file does what the simulation does, and where it stops doing so."""
