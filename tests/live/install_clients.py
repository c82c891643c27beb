"""Installs the client libraries that the live tests use, each into an environment of its own.

    python tests/live/install_clients.py FOLDER

makes ``FOLDER/ironmq`` and ``FOLDER/rocketmq``, whose interpreters `tests.live.test_ironmq_client`
and `tests.live.test_rocketmq_client` look for in the environment variables
``MQGATE_IRONMQ_PYTHON`` and ``MQGATE_ROCKETMQ_PYTHON``. What is there already is left as it is.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


#: What is installed into each environment, in the versions of ``requirements/NAME-client.txt``.
CLIENTS = {"ironmq": ("iron-mq", "iron-core"), "rocketmq": ("mq-http-sdk",)}


def install(folder: Path, name: str) -> None:
    """The Python client of a service of then."""
    wanted = REQUIREMENTS / f"{name}-client.txt"
    done = folder / "installed.txt"
    if done.exists() and done.read_text() == wanted.read_text():
        return
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-c", str(wanted)]
    # Its setup.py is older than build isolation: it needs what stands in the environment.
    subprocess.run([*pip, "setuptools", "wheel"], check=True)
    subprocess.run([*pip, "--no-build-isolation", *CLIENTS[name]], check=True)
    done.write_text(wanted.read_text())


if __name__ == "__main__":
    for client in CLIENTS:
        install(Path(sys.argv[1]).absolute() / client, client)
