"""Tells twistd that there is a command ``mqgate``; everything else is in `mqgate.tap`."""

from twisted.application.service import ServiceMaker

mqgate = ServiceMaker(
    "mqgate",
    "mqgate.tap",
    "A durable queue server behind the HTTP dialects of several message-queue services.",
    "mqgate",
)
