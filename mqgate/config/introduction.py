"""What a new server tells its operator, once: where it listens, and a first request each."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence

import attrs
import msgspec

from mqgate.config.first_run import REQUESTS, FirstRequest, curl_file, write_whole

#: The introduction's copy in the data folder.
FIRST_STEPS = "FIRST-STEPS.txt"


@attrs.frozen
class Door:
    """A listener as its users see it."""

    #: Such as ``https://localhost:8443``.
    url: str
    #: The dialects behind it; None = all.
    dialects: frozenset[str] | None
    #: The authority to trust, if the certificate is one that we made.
    authority: str | None
    #: The addresses that it can be reached at, if they are many.
    reach: str = ""
    #: What else there is to know about it.
    note: str = ""

    def __str__(self) -> str:
        """Where it is, and that it is open to the network, if so."""
        reach = f"open to the network: {self.reach}" if self.reach else ""
        told = "; ".join(each for each in (self.note, reach) if each)
        return f"{self.url} ({told})" if told else self.url

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.url.startswith("https:")


def introduce(data: str, doors: Sequence[Door], version: str) -> str | None:
    """The text for a new server's operator, of which a copy is kept; None if it is not new."""
    pending = os.path.join(data, REQUESTS)
    try:
        with open(pending, "rb") as file:
            requests = msgspec.json.decode(file.read(), type=list[FirstRequest])
    except FileNotFoundError:
        return None
    text = _text(data, doors, requests, version)
    write_whole(os.path.join(data, FIRST_STEPS), text)
    os.unlink(pending)
    return text


def where(doors: Sequence[Door], data: str) -> str:
    """One line that says where the server listens."""
    return f"mqgate listens on {', '.join(map(str, doors))}; its data is in {data}\n"


def _text(data: str, doors: Sequence[Door], requests: Sequence[FirstRequest], version: str) -> str:
    """The introduction."""
    lines = [f"mqgate {version} is running and listens on", ""]
    for door in doors:
        lines.append(f"    {door}")
        if door.authority:
            lines.append(f"        with a certificate signed by {door.authority}")
    lines += [
        "",
        "A first request for each service it stands in for. Paste a line as it is; the credentials",
        "are in the file after -K, which you alone can read.",
    ]
    for request in requests:
        if line := curl_line(data, doors, request):
            lines += ["", f"{request.dialect}:", "", line]
    lines += [
        "",
        f"The configuration is {os.path.join(data, 'mqgate.toml')}; its comments say how to point",
        "old clients here, and how to keep a listener to this machine. This text is kept in",
        f"{os.path.join(data, FIRST_STEPS)}.",
        "",
    ]
    return "\n".join(lines)


def _serves(door: Door, request: FirstRequest) -> bool:
    if door.dialects is None:
        return door.secure or not request.https_only
    return request.dialect in door.dialects


def curl_line(data: str, doors: Sequence[Door], request: FirstRequest) -> str | None:
    """A command that makes ``request``, through TLS if it can; None if no listener serves it."""
    serving = [door for door in doors if _serves(door, request)]
    door = next((each for each in serving if each.secure), serving[0] if serving else None)
    if door is None:
        return None
    words = ["curl", "-w", r"\n"]
    if door.authority:
        words += ["--cacert", door.authority]
    secrets = "-" if request.signed else curl_file(data, request.dialect)
    words += ["-K", secrets, *request.arguments, door.url + request.path]
    line = shlex.join(words)
    return f"{_signing(data, request)} | {line}" if request.signed else line


def _signing(data: str, request: FirstRequest) -> str:
    """The operator's command that signs a request; it need not be on anybody's path."""
    command = [sys.executable, "-m", "mqgate.operator", "--data", data, "sign"]
    return shlex.join([*command, *request.signed, request.path])
