"""The tests of mqgate; tox.ini says how they are run."""

import os
from contextlib import suppress
from pathlib import Path
from sys import argv

if Path(argv[0]).name == "workertrial.py":
    # What the tests cover is told by trial's own processes, of which this is one. The servers that
    # they start are left as they are: measured ones would take several times as long.
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

with suppress(ImportError):  # where the wheel is tried there is none
    from hypothesis import HealthCheck, settings

    # How long an example takes says something about what else the machine has to do.
    settings.register_profile("mqgate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("mqgate")
