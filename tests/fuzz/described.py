"""Schemathesis: tries a server with what its own description says, and with what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.live.server import Server

_RUN = "from schemathesis.cli import schemathesis; schemathesis()"

#: What it is told, and why. A path names the project that there is, and one queue, so that it
#: gets beyond 404 and meets its own messages again; a get does not wait, so that it ends.
_CONFIGURATION = """\
[parameters]
"path.project" = "{project}"
"path.queue" = "fuzz"
"query.wait" = 0

# Unknown parameters of a query have always meant nothing, and an empty value is as if left out.
[[operations]]
include-method = "GET"
checks.negative_data_rejection.enabled = false

# To JSON Schema 1.0 is an integer. Here it is a wrong type, as it was for the service's Go. And an
# alert may be like one that is there, or close a ring, which no schema can say.
[[operations]]
include-name = [
    "POST /1/projects/{{project}}/queues/{{queue}}/messages",
    "POST /1/projects/{{project}}/queues/{{queue}}/messages/{{message}}/release",
    "POST /1/projects/{{project}}/queues/{{queue}}/alerts",
    "PUT /1/projects/{{project}}/queues/{{queue}}/alerts",
]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404"]

# What a URL means is beyond a schema; and there is 1.0 again.
[[operations]]
include-name = [
    "POST /1/projects/{{project}}/queues/{{queue}}",
    "POST /1/projects/{{project}}/queues/{{queue}}/subscribers",
]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "404"]
"""

_ARGUMENTS = [
    # A get from a deleted queue is 200 and no messages, and a deleted message can be read.
    "--exclude-checks=use_after_free",
    # It would add a wrong token in the query to the right one in the header, which counts.
    "--generation-with-security-parameters=false",
    "--generation-database=none",
    "--continue-on-failure",
    "--output-truncate=false",
    "--warnings=off",
    "--no-color",
]


def need(package: str) -> None:
    """Raise `SkipTest` where the tests' own requirements are not all installed."""
    if find_spec(package) is None:
        raise SkipTest(f"{package} is not installed; tox -e fuzz installs it")


def try_described(server: Server, folder: Path, *arguments: str) -> None:
    """Run schemathesis against a server; raises `AssertionError` with all that it found."""
    project, token = server.project()
    configuration = folder / "schemathesis.toml"
    configuration.write_text(_CONFIGURATION.format(project=project), encoding="utf-8")
    ran = subprocess.run(
        [
            *(sys.executable, "-c", _RUN, f"--config-file={configuration}", "run"),
            f"http://127.0.0.1:{server.port}/openapi.json",
            f"--header=Authorization: OAuth {token}",
            *_ARGUMENTS,
            *arguments,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
