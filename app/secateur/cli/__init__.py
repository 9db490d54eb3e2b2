"""The command line: the same engine in this process, requests from options, events to the terminal."""

from secateur.cli.commands import run

__all__ = ["run"]
