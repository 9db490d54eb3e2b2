"""The parts of `setup_secateur.py`, standard library only, for Python 3.11 and newer."""
