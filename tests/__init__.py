"""The tests of mqgate; tox.ini says how they are run."""

import os
from pathlib import Path
from sys import argv

if Path(argv[0]).name == "workertrial.py":
    # What the tests cover is told by trial's own processes, of which this is one. The servers that
    # they start are left as they are: measured ones would take several times as long.
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
