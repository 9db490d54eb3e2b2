"""`python -m secateur` and the `secateur` command."""

import multiprocessing


def main() -> None:
    """Start the command line; a bundled program's child processes come through here too."""
    multiprocessing.freeze_support()
    from secateur.cli import run

    run()


if __name__ == "__main__":
    main()
