"""What is told of pushes: their status, what an error queue is sent, and what receivers are sent.

Pure functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from msgspec import Struct

from mqgate.dialects.ironmq import limits, wire
from mqgate.dialects.ironmq.addresses import Web, shown
from mqgate.dialects.ironmq.subscribers import basic, headers_of
from mqgate.engine.deliveries import (
    DELIVERED,
    FAILED,
    QUEUED,
    RESERVED,
    RETRYING,
    Delivery,
    DeliveryStatus,
    Failed,
)
from mqgate.engine.values import NewMessage

_STATUS = {
    QUEUED: "queued",
    RESERVED: "reserved",
    RETRYING: "retrying",
    DELIVERED: "deleted",
    FAILED: "error",
}
#: What an authority in a URL is made of; any other ``Host`` is not passed on.
_HOST = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")

USER_AGENT = "IronMQ Pusherd"


class _PushStatus(Struct, gc=False):
    retries_delay: int
    retries_remaining: int
    status_code: int
    status: str
    url: str
    id: str


def push_statuses(deliveries: Iterable[DeliveryStatus]) -> bytes:
    """The reply that tells how far a message's pushes are."""
    return wire.encoded(
        {
            "subscribers": [
                _PushStatus(
                    each.retry_delay // 1000,
                    each.retries_left,
                    each.code,
                    _STATUS[each.status],
                    each.address,
                    str(each.id),
                )
                for each in deliveries
            ]
        }
    )


def error_message(delivery: Delivery, failures: Sequence[Failed]) -> NewMessage:
    """What the error queue is told. No token is: the message may travel on to others."""
    last = failures[-1]
    subscribers = [
        {"url": shown(target.address), "code": failure.code, "msg": failure.text}
        for target, failure in zip(delivery.targets, failures, strict=False)
    ]
    document = {
        "source_msg_id": str(delivery.message_id),
        "code": last.code,
        "msg": last.text,
        "subscribers": subscribers,
    }
    return NewMessage(json.dumps(document).encode(), expires_in=limits.EXPIRES_IN.default * 1000)


# -- how a message came, which is kept with it: hops, a blank, and where its project is


def via(hops: int, project_url: str) -> str:
    """What is kept."""
    return f"{hops} {project_url}"


def hops_of(text: str) -> int:
    """Over how many queues of this server it came already."""
    hops = text.partition(" ")[0]
    return int(hops) if hops else 0


def project_url_of(text: str) -> str:
    """Where its project is, as clients of this server write it; empty if nobody knows."""
    return text.partition(" ")[2]


def project_url(public_url: str | None, secure: bool, host: bytes | None, project: str) -> str:
    """The URL of a project: as the configuration has it, or as a client reached it."""
    base = public_url
    if base is None:
        if host is None or not _HOST.fullmatch(host):
            return ""
        base = f"{'https' if secure else 'http'}://{host.decode('ascii')}"
    return f"{base.rstrip('/')}/1/projects/{quote(project, safe='')}"


# -- what receivers are sent


def subscriber_url(delivery: Delivery, project: str) -> str:
    """What a receiver acknowledges with: ``project`` is for messages nobody knows the way of."""
    base = project_url_of(delivery.via) or f"/1/projects/{quote(project, safe='')}"
    queue = quote(delivery.queue, safe="")
    return f"{base}/queues/{queue}/messages/{delivery.message_id}/subscribers/{delivery.id}"


def headers_to(address: Web, delivery: Delivery, project: str) -> Mapping[str, str]:
    """The headers of a push: defaults, the subscriber's own over them, and ours over those."""
    headers = {"content-type": ("Content-Type", "text/plain; encoding=utf-8")}
    headers["user-agent"] = ("User-Agent", USER_AGENT)
    if address.credentials:
        headers["authorization"] = ("Authorization", basic(address.credentials))
    for name, value in headers_of(delivery.target).items():
        headers[name.lower()] = (name, value)
    for name, value in (
        ("Iron-Message-Id", str(delivery.message_id)),
        ("Iron-Subscriber-Message-Id", str(delivery.id)),
        ("Iron-Subscriber-Message-Url", subscriber_url(delivery, project)),
    ):
        headers[name.lower()] = (name, value)
    return dict(headers.values())


def post_of(body: bytes) -> bytes:
    """The request that posts a message to a queue of another server."""
    return wire.encoded({"messages": [{"body": body.decode(errors="replace")}]})
