"""twistd as a user to whom modes of files mean something, though the tests are run by root.

To be run in twistd's place (``python -m tests.live.humble``).
"""

from __future__ import annotations

import ctypes
import os
import sys

from tests.live.server import twistd

#: prctl(2), capabilities(7): what lets root read and write whatever it likes.
PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


def main() -> None:
    """Give up root's privilege, if it is there, and go on as twistd."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) and os.geteuid() == 0:
            raise SystemExit("root's privilege cannot be given up here")
    command = twistd(*sys.argv[1:])
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
