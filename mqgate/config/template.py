"""The configuration file that a first start writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Template

from mqgate.config.toml import toml_key, toml_value

_FILE = Template(
    """\
# mqgate's configuration, written by its first start. It is yours now: change what you like and
# start the server again. Every key is described in docs/configuration.md; a key that is left out
# has its default. Relative paths are relative to this file.

data = "."                  # where messages, certificates and curl's files are kept
database = "sqlite"         # a file in the data folder, or "postgresql://user@host/name"

# Where to listen. "ssl:" is HTTPS, with the certificate in tls/ here unless you name your own:
#   "ssl:8443:privateKey=/path/to/key.pem:certKey=/path/to/certificate.pem"
# "tcp:" is plain HTTP: keep it to this machine, or behind a proxy.
#   "ssl:8443"                         all IPv4 addresses of this machine: open to the network
#   "ssl:8443:interface=127.0.0.1"     this machine only
#   'ssl:8443:interface=\\:\\:'          IPv6 as well
listen = $listen

# How old clients are pointed here, when the host of the service they were written for cannot be
# changed in them:
#   1. let that name lead to this machine, in their /etc/hosts or in your DNS;
#   2. add the name to tls_names below: the certificate in tls/ is then made again for it, too;
#   3. have them trust tls/ca.pem (REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS, CURL_CA_BUNDLE …);
#   4. if the port is built in as well, listen on it: "ssl:443".
# Clients too old for TLS 1.2 need tls_minimum = "1.0".
tls_names = []
tls_minimum = "1.2"

# Nothing new is taken in when the disk has less room than this.
free_space_minimum = "256 MB"

# Figures for Prometheus, at http://127.0.0.1:9309/metrics, and a line for each request: both are
# off unless these are there (docs/monitoring.md).
#   metrics = { listen = "tcp:9309:interface=127.0.0.1" }
#   access_log = { file = "access.log", format = "json" }

# A namespace is a group of names and the credentials for them. Instead of a secret in quotes you
# may write { env = "NAME" } (an environment variable) or { file = "PATH" } (a file's text).
$namespaces"""
)


def configuration_text(listen: Sequence[str], sections: Mapping[str, Mapping[str, object]]) -> str:
    """The file's text, with ``sections`` as the dialects' sections of a first namespace."""
    tables = []
    for dialect, section in sections.items():
        lines = [f"{toml_key(key)} = {_value(value)}\n" for key, value in section.items()]
        tables.append(f"\n[namespaces.demo.{toml_key(dialect)}]\n" + "".join(lines))
    return _FILE.substitute(listen=toml_value(list(listen)), namespaces="".join(tables))


def _value(value: object) -> str:
    """A value, several tables in it each on a line of its own."""
    if isinstance(value, list) and len(value) > 1 and isinstance(value[0], Mapping):
        return "[\n" + "".join(f"    {toml_value(each)},\n" for each in value) + "]"
    return toml_value(value)
