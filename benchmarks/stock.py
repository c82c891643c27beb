"""What mqgate is compared with: ``twistd -n --python=stock.py``, all of it as Twisted has it.

It listens on the endpoints in the environment variable BENCHMARK_LISTEN.
"""

from __future__ import annotations

import os

from twisted.application.service import Application
from twisted.application.strports import service
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

CONSTANT = b'{"ids":["5924625841136130921"],"msg":"Messages put on queue."}'


class Constant(Resource):
    """Answers every GET and POST with the same bytes, as long as the answer to a post."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """The constant answer."""
        request.setHeader(b"Content-Type", b"application/json")
        return CONSTANT

    render_POST = render_GET


application = Application("stock")
for endpoint in os.environ.get("BENCHMARK_LISTEN", "").split():
    resource = Constant()  # type: ignore[no-untyped-call]
    service(endpoint, Site(resource)).setServiceParent(application)
