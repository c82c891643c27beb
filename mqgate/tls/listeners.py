"""Reads what an operator writes about a listener: a Twisted endpoint string, or a table with one.

Of the kinds of string that mean TLS, only address, port and files are taken: Twisted would fix the
certificate and the lowest version as it parses them. See `mqgate.tls.endpoints` for the opening.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

from mqgate.tls.pem import KeyFiles

#: Connections that wait to be accepted, where the operator names no number. Twisted's 50 is soon
#: exceeded when many clients come at once, and each one above waits a second for its next try.
BACKLOG = 1024

#: What each kind of string takes, in the order of its nameless arguments.
_ARGUMENTS = {
    "tcp": ("port", "interface", "backlog"),
    "tcp6": ("port", "backlog", "interface"),
    "unix": ("address", "mode", "backlog", "lockfile"),
    "systemd": ("domain", "index", "name"),
    "ssl": ("port", "privateKey", "certKey", "interface", "backlog", "extraCertChain"),
    "tls": ("path", "port", "backlog", "interface"),
}
_LAST_PORT = 65_535
#: What stands for all addresses, of IPv4 and IPv6.
_ALL = ("0.0.0.0", "::")
_FILE_KEYS = ("privateKey", "certKey", "extraCertChain")
#: What Twisted takes in an ``ssl:`` string and we do not, with the reason.
_REFUSED = {
    "sslmethod": "leave sslmethod out, tls_minimum sets the lowest TLS version",
    "dhParameters": "leave dhParameters out, keys are exchanged over elliptic curves only",
}
_TABLE_KEYS = ("endpoint", "tls", "dialects")


@attrs.frozen
class Listener:
    """Where to listen, whether by TLS, and for whom."""

    #: A Twisted endpoint string for the plain socket, its paths absolute.
    endpoint: str
    tls: bool = False
    #: The key and the certificate; None with ``tls`` means those that mqgate makes.
    files: KeyFiles | None = None
    #: The dialects that are served here; None for all.
    dialects: frozenset[str] | None = None

    def on_next_port(self) -> Listener | None:
        """The same one port further; None if there is none."""
        kind, arguments = _take_apart(self.endpoint)
        port = int(arguments["port"]) + 1
        if port > _LAST_PORT:
            return None
        endpoint = _put_together(kind, {**arguments, "port": str(port)})
        return attrs.evolve(self, endpoint=endpoint)

    def clashes_with(self, other: Listener) -> bool:
        """Whether both ask for the same address, which only one can have."""
        ours, theirs = _address(self.endpoint), _address(other.endpoint)
        if ours is None or theirs is None:
            return self.endpoint == other.endpoint
        interfaces = {ours[1], theirs[1]}
        return (
            ours[0] == theirs[0] != "0"  # which stands for another port each time
            and len({":" in each for each in interfaces}) == 1
            and (len(interfaces) == 1 or not interfaces.isdisjoint(_ALL))
        )


def parse_listener(written: object, base: Path) -> Listener:
    """The listener that a string or a table describes; paths are relative to ``base``.

    A table has an ``endpoint`` and, if wanted, ``dialects`` (a list) and ``tls``: true for the
    certificate that mqgate makes, or a table with ``privateKey``, ``certKey`` and
    ``extraCertChain`` as in an ``ssl:`` string. So a socket that systemd opened is served by TLS.

    Raises `ValueError` with a sentence that names what is wrong.
    """
    if isinstance(written, str):
        return _parse_endpoint(written, base)
    if not isinstance(written, Mapping) or not isinstance(written.get("endpoint"), str):
        raise ValueError('a listener is an endpoint string, or a table with `endpoint = "..."`')
    if unknown := [str(key) for key in written if key not in _TABLE_KEYS]:
        raise ValueError(f"{unknown[0]!r} is no key of a listener: use {', '.join(_TABLE_KEYS)}")
    listener = _parse_endpoint(written["endpoint"], base)
    listener = _with_tls(listener, written["endpoint"], written.get("tls"), base)
    return attrs.evolve(listener, dialects=_dialects(written.get("dialects")))


def _dialects(names: object) -> frozenset[str] | None:
    """The dialects that a table names, if it names any."""
    if names is None:
        return None
    if not isinstance(names, list | tuple) or not names:
        raise ValueError('`dialects` is a list of at least one name, such as ["ironmq"]')
    if not all(isinstance(each, str) for each in names):
        raise ValueError("`dialects` is a list of names, each of them a string")
    return frozenset(names)


def _with_tls(listener: Listener, text: str, tls: object, base: Path) -> Listener:
    """``listener`` with what its table says about TLS."""
    match tls:
        case None:
            return listener
        case True:
            return attrs.evolve(listener, tls=True)
        case False if listener.tls:
            raise ValueError(f'{text!r} means TLS, but `tls` is false: write "tcp:..." for plain')
        case False:
            return listener
        case Mapping() if listener.files is None:
            if wrong := [key for key in tls if key not in _FILE_KEYS or not _is_path(tls[key])]:
                raise ValueError(f"`tls.{wrong[0]}`: use {', '.join(_FILE_KEYS)}, each a path")
            files = _key_files(text, tls, base)
            if files is None:
                raise ValueError("`tls` is an empty table: write `tls = true` for made files")
            return attrs.evolve(listener, tls=True, files=files)
        case Mapping():
            raise ValueError(f"{text!r} names its files already: leave `tls` out")
    raise ValueError("`tls` is true, false or a table of " + ", ".join(_FILE_KEYS))


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _parse_endpoint(text: str, base: Path) -> Listener:
    """The listener that an endpoint string describes."""
    kind, arguments = _take_apart(text)
    port = arguments.get("port")
    if port is not None and not (port.isdecimal() and port.isascii() and int(port) < 65536):
        raise ValueError(f"{text!r}: the port is {port!r}, which is no number from 0 to 65535")
    backlog = arguments.setdefault("backlog", str(BACKLOG))
    if not (backlog.isdecimal() and backlog.isascii()):
        raise ValueError(f"{text!r}: the backlog is {backlog!r}, which is no number")
    match kind:
        case "ssl":
            files = _key_files(text, arguments, base)
            plain = {key: value for key, value in arguments.items() if key not in _FILE_KEYS}
            return Listener(_put_together("tcp", plain), tls=True, files=files)
        case "tls":
            folder = base.absolute() / arguments.pop("path")
            plain = {"port": "443", "interface": "::"} | arguments
            files = KeyFiles(folder, folder, in_folder=True)
            return Listener(_put_together("tcp6", plain), tls=True, files=files)
        case "unix":
            arguments["address"] = str(base.absolute() / arguments["address"])
        case "systemd":
            del arguments["backlog"]
        case "tcp" | "tcp6":
            pass
        case _:  # a kind of Twisted's, or of a plugin of its, that is not for us to understand
            return Listener(text)
    return Listener(_put_together(kind, arguments))


def _key_files(text: str, values: Mapping[str, str], base: Path) -> KeyFiles | None:
    """The files that are named; one of key and certificate is enough if it holds both."""
    key, certificate, chain = (values.get(each) for each in _FILE_KEYS)
    one = key or certificate
    if one is None:
        if chain is None:
            return None
        raise ValueError(f"{text!r}: extraCertChain needs a privateKey and a certKey beside it")
    root = base.absolute()
    return KeyFiles(
        root / (key or one), root / (certificate or one), root / chain if chain else None
    )


def _take_apart(text: str) -> tuple[str, dict[str, str]]:
    """The kind of an endpoint string, and its arguments by name.

    Kinds that are not known here have no arguments.
    """
    fields = list(_fields(text))
    kind = fields[0][1]
    if fields[0][0] is not None or not kind or len(fields) == 1:
        raise ValueError(f'{text!r} is no endpoint: write one such as "ssl:8443" or "tcp:8080"')
    known = _ARGUMENTS.get(kind)
    if known is None:
        _check_plugin(text, kind, [value for _, value in fields[1:]])
        return kind, {}
    arguments: dict[str, str] = {}
    for position, (name, value) in enumerate(fields[1:]):
        name = _argument_name(text, known, position, name, arguments)
        if name in arguments:
            raise ValueError(f"{text!r} names {name} twice")
        arguments[name] = value
    _check(text, kind, arguments)
    return kind, arguments


def _check_plugin(text: str, kind: str, rest: Sequence[str]) -> None:
    """A kind that is not ours has to be that of a plugin of Twisted's, and without TLS inside."""
    plugins = getPlugins(IStreamServerEndpointStringParser)
    if all(kind.lower() != each.prefix.lower() for each in plugins):
        raise ValueError(f"{text!r}: there is no endpoint {kind!r}, use {', '.join(_ARGUMENTS)}")
    if any(value in ("ssl", "tls") for value in rest):
        raise ValueError(
            f"{text!r}: TLS inside of {kind!r} is written as a table, "
            f'{{ endpoint = "{kind}:tcp:...", tls = true }}'
        )


def _argument_name(
    text: str, known: tuple[str, ...], position: int, name: str | None, before: Mapping[str, str]
) -> str:
    """The name of an argument that may have been given by its position."""
    if name is None:
        if position >= len(known) or list(before) != list(known[:position]):
            raise ValueError(
                f"{text!r} has a part without a name in a place where it means nothing: within "
                r"an address or a path a colon is written \:, as in 'ssl:8443:interface=\:\:1'"
            )
        return known[position]
    if name in _REFUSED:
        raise ValueError(f"{text!r}: {_REFUSED[name]}")
    if name not in known:
        raise ValueError(f"{text!r}: {name!r} is unknown, use {', '.join(known)}")
    return name


def _check(text: str, kind: str, arguments: Mapping[str, str]) -> None:
    """What a kind needs has to be there."""
    if kind == "systemd":
        if "domain" not in arguments or ("index" in arguments) == ("name" in arguments):
            raise ValueError(
                f"{text!r}: write the domain and one of index and name, as in "
                '"systemd:domain=INET6:index=0"'
            )
        return
    needed = _ARGUMENTS[kind][0]
    if not arguments.get(needed):
        raise ValueError(f"{text!r} has no {needed}")
    if kind == "tls" and arguments["path"].isdecimal():
        raise ValueError(
            f"{text!r}: a tls: string starts with the folder of the certificate, as in "
            f'"tls:certificates:{arguments["path"]}"; for files that mqgate makes, or that have '
            f'names, write "ssl:{arguments["path"]}"'
        )


def _fields(text: str) -> Iterator[tuple[str | None, str]]:
    """The parts between colons, each with its name if it has one; a backslash quotes."""
    name: str | None = None
    value = ""
    quoted = False
    for character in text:
        if quoted:
            value, quoted = value + character, False
        elif character == "\\":
            quoted = True
        elif character == ":":
            yield name, value
            name, value = None, ""
        elif character == "=" and name is None:
            name, value = value, ""
        else:
            value += character
    if quoted:
        raise ValueError(f"{text!r} ends in a backslash that quotes nothing")
    yield name, value


def _address(endpoint: str) -> tuple[str, str] | None:
    """The port of an endpoint string of `Listener`, and the interface; None if it has none."""
    kind, arguments = _take_apart(endpoint)
    if kind not in ("tcp", "tcp6"):
        return None
    return arguments["port"], arguments.get("interface") or ("::" if kind == "tcp6" else "0.0.0.0")


def _put_together(kind: str, arguments: Mapping[str, str]) -> str:
    """The endpoint string with these arguments, the first of its kind without a name."""
    parts = [kind]
    for name, value in arguments.items():
        quoted = value.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")
        parts.append(quoted if name == _ARGUMENTS[kind][0] != "domain" else f"{name}={quoted}")
    return ":".join(parts)
