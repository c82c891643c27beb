"""IronMQ, API version 1: pull queues over JSON, under ``/1/projects/{project}/queues``.

``docs/dialects/ironmq.md`` says what it does and where it had to choose. The rooms in here:
`settings` (configuration), `target` (path and query), `wire` (bodies), `limits` (the table of
defaults and bounds), `access` (tokens and projects), `routes` (table and handlers), `alerts`
(the handlers of alerts, and `alert_wire` their bodies), `call` (what handlers get), `errors`
(every exception to its reply), `openapi` (all of it, described for tools), `door` (what the HTTP
room sees).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mqgate.dialects.declaration import Declaration, FirstSteps, Opening
from mqgate.dialects.ironmq.access import Access
from mqgate.dialects.ironmq.alerts import ALERTING
from mqgate.dialects.ironmq.call import POLICY
from mqgate.dialects.ironmq.door import Door
from mqgate.dialects.ironmq.settings import Namespace, Settings
from mqgate.engine.values import Policy


def _claims(section: Namespace) -> Sequence[str]:
    return section.projects


def _policies(settings: Settings) -> Mapping[str, Policy]:
    remembers_for = settings.deleted_seconds * 1000
    return {POLICY: Policy(keeps_place=False, remembers_for=remembers_for, alerting=ALERTING)}


def _open(opening: Opening) -> Door:
    return Door(opening.engine, Access(opening.grants), opening.settings)


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
