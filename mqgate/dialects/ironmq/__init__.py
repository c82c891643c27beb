"""IronMQ, API version 1: pull queues over JSON, under ``/1/projects/{project}/queues``.

``docs/dialects/ironmq.md`` says what it does and where it had to choose. The rooms in here:
`settings` (configuration), `target` (path and query), `wire` (bodies), `limits` (the table of
defaults and bounds), `access` (tokens and projects), `routes` (table and handlers), `alerts`
(the handlers of alerts, and `alert_wire` their bodies), `call` (what handlers get), `errors`
(every exception to its reply), `openapi` (all of it, described for tools), `door` (what the HTTP
room sees).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from twisted.internet.ssl import Certificate

from mqgate.dialects.declaration import CannotOpen, Declaration, FirstSteps, Opening, Outside
from mqgate.dialects.ironmq.access import Access
from mqgate.dialects.ironmq.alerts import ALERTING
from mqgate.dialects.ironmq.call import POLICY
from mqgate.dialects.ironmq.door import Door
from mqgate.dialects.ironmq.push import Pusher, PushService, push_limits
from mqgate.dialects.ironmq.sending import Sender, WayOut
from mqgate.dialects.ironmq.settings import Namespace, Settings
from mqgate.dialects.ironmq.subscribers import pushing
from mqgate.dialects.ironmq.trust import Trust, read_authorities
from mqgate.engine.values import Policy


def _claims(section: Namespace) -> Sequence[str]:
    return section.projects


def _policies(settings: Settings) -> Mapping[str, Policy]:
    remembers_for = settings.deleted_seconds * 1000
    return {
        POLICY: Policy(
            keeps_place=False, remembers_for=remembers_for, alerting=ALERTING, pushing=pushing
        )
    }


def _open(opening: Opening) -> Door:
    access, outside = Access(opening.grants), opening.outside
    if outside is not None:
        sender = Sender(_way_out(outside, opening.settings))
        limits = push_limits(opening.settings)
        outside.run(PushService(opening.engine, Pusher(sender, access), sender, limits))
    public_url = outside.public_url if outside else None
    return Door(opening.engine, access, opening.settings, public_url)


def _way_out(outside: Outside, settings: Settings) -> WayOut:
    """What pushes are sent with. Raises `CannotOpen`."""
    authorities: Sequence[Certificate] = ()
    if settings.push_ca_file is not None:
        path = os.path.join(outside.folder, settings.push_ca_file)
        try:
            authorities = read_authorities(path)
        except OSError as error:
            raise CannotOpen(f"push_ca_file {path}: {error.strerror}") from error
        except ValueError as error:
            raise CannotOpen(f"push_ca_file {path} {error}") from error
    return WayOut(
        outside.reactor,
        Trust(authorities, verify=settings.push_verify),
        settings.push_timeout_seconds,
        settings.push_at_once_per_host,
        settings.push_allow_private,
    )


def _first_steps(hex_digits: Callable[[int], str]) -> FirstSteps:
    """Credentials that look like the hosted service's, and the post of one message with them."""
    project, token = hex_digits(24), hex_digits(27)
    return FirstSteps(
        section={"projects": [project], "tokens": [token]},
        curl_config=[f'header = "Authorization: OAuth {token}"'],
        curl_arguments=[
            "-H",
            "Content-Type: application/json",
            "-d",
            '{"messages":[{"body":"Hello, IronMQ!"}]}',
        ],
        curl_path=f"/1/projects/{project}/queues/first/messages",
    )


DECLARATION = Declaration(
    name=Door.name,
    namespace=Namespace,
    settings=Settings,
    claims=_claims,
    policies=_policies,
    open=_open,
    first_steps=_first_steps,
)
