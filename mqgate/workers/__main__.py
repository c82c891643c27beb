"""``python -m mqgate.workers``: a worker, started by its parent and by nobody else."""

import sys

from mqgate.tap import work

work(int(sys.argv[1]))
