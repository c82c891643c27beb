"""Makes a private CA and a server certificate for development, as the server itself would.

    .venv/bin/python certs/make_certs.py FOLDER [NAME...]

FOLDER gets ca.pem (for clients to trust), ca.key, server.pem and server.key. The certificate is
good for this machine's names and for every NAME, a DNS name or an IP address. Run it again with
other names, or after a year: the CA is kept, and only the server's certificate is made anew.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

# The code of this checkout, also where an older mqgate is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mqgate.tls.certificates import ensure
from mqgate.tls.pem import TLSError


def main(arguments: list[str]) -> int:
    """Make them; the exit status."""
    if not arguments or arguments[0].startswith("-"):
        print((__doc__ or "").strip())
        return 2
    try:
        made = ensure(Path(arguments[0]).absolute(), arguments[1:], datetime.now(UTC))
    except (TLSError, ValueError) as error:
        print(f"make_certs: {error}", file=sys.stderr)
        return 1
    print(made.reason or "Nothing to do: the certificate is good for all these names.")
    for what, path, new in (
        ("CA, for clients to trust", made.ca_file, made.ca_made),
        ("certificate", made.files.certificate, made.server_made),
        ("key", made.files.key, made.server_made),
    ):
        if path is not None:
            print(f"{what}: {path}{' (new)' if new else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
