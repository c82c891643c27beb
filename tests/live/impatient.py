"""twistd, with a parent of workers that waits for none of them for long.

To be run in twistd's place (``python -m tests.live.impatient``).
"""

from __future__ import annotations

from twisted.scripts.twistd import run

from mqgate import tap
from mqgate.workers import crew

#: How long a worker may keep the others from the database.
TURN_SECONDS = 0.5

if __name__ == "__main__":
    vars(tap).update(TURN_SECONDS=TURN_SECONDS)
    vars(crew).update(LOOK_SECONDS=0.1)
    run()
