"""Installs the client libraries that the live tests use, each into an environment of its own.

    python tests/live/install_clients.py FOLDER

makes ``FOLDER/ironmq``, whose interpreter `tests.live.test_ironmq_client` looks for in the
environment variable ``MQGATE_IRONMQ_PYTHON``. What is there already is left as it is.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def install_ironmq(folder: Path) -> None:
    """The Python client of IronMQ's first version."""
    wanted = REQUIREMENTS / "ironmq-client.txt"
    done = folder / "installed.txt"
    if done.exists() and done.read_text() == wanted.read_text():
        return
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-c", str(wanted)]
    # Its setup.py is older than build isolation: it needs what stands in the environment.
    subprocess.run([*pip, "setuptools", "wheel"], check=True)
    subprocess.run([*pip, "--no-build-isolation", "iron-mq", "iron-core"], check=True)
    done.write_text(wanted.read_text())


if __name__ == "__main__":
    install_ironmq(Path(sys.argv[1]).absolute() / "ironmq")
