"""Runs command lines of the program one after the other in one process, each given as one word; stops at a failure.

So its libraries are loaded once, and milliseconds are measured in a moment.
"""

import shlex
import sys

from secateur.__main__ import main

if __name__ == "__main__":
    from brief_timings import measure_briefly

    measure_briefly()
    for line in sys.argv[1:]:
        sys.argv = ["secateur", *shlex.split(line)]
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise
