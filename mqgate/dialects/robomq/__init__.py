"""RoboMQ's REST interface: AMQP over HTTPS, one message a request.

``docs/dialects/robomq.md`` says what it does and where it had to choose. The rooms in here:
`settings` and `definitions` (configuration), `access` (credentials, vhosts, rights), `target` (the
path), `properties` (what a client says about its message), `drafts` (the same, remembered), `wire`
(what is kept of that, and the headers it is handed out with), `routes` (the handlers), `replies`,
`errors` (every exception to a status and a line), `door` (what the HTTP room sees).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import uuid4

from mqgate.dialects.declaration import Declaration, FirstSteps, Opening
from mqgate.dialects.robomq.access import Access
from mqgate.dialects.robomq.definitions import topologies
from mqgate.dialects.robomq.door import Door
from mqgate.dialects.robomq.routes import POLICY
from mqgate.dialects.robomq.settings import Namespace, Settings
from mqgate.engine.values import Policy, Topology


def _claims(section: Namespace) -> Sequence[str]:
    return section.vhosts


def _policies(settings: Settings) -> Mapping[str, Policy]:
    """AMQP's custom: what is put back goes to its old place."""
    return {POLICY: Policy(keeps_place=True)}


def _topologies(section: Namespace) -> Mapping[str, Topology]:
    return topologies(section.vhosts, section.exchanges, section.queues, section.bindings, POLICY)


def _open(opening: Opening) -> Door:
    return Door(opening.engine, Access(opening.grants), opening.settings, lambda: str(uuid4()))


#: What the hosted service put behind the vhost's name for its users, and what these could do. What
#: has to be made, only the first one could make.
_USERS: Mapping[str, Sequence[str]] = {
    "": ("configure", "write", "read"),
    "Read": ("read",),
    "Write": ("write",),
    "RW": ("write", "read"),
}


def _first_steps(hex_digits: Callable[[int], str]) -> FirstSteps:
    """A vhost with the users and the token that one had there, and the post of one message."""
    vhost, token = "demo", hex_digits(32)
    users = [
        {"name": vhost + role, "password": hex_digits(24), "rights": list(rights)}
        for role, rights in _USERS.items()
    ]
    return FirstSteps(
        section={
            "vhosts": [vhost],
            "users": users,
            "token_headers": [{"header": "X-Secret-Token", "value": token, "user": vhost}],
        },
        curl_config=[f'header = "X-Secret-Token: {token}"'],
        curl_arguments=[
            "-H",
            'X-AMQP-Properties: {"contentType": "text/plain", "deliveryMode": 2}',
            "-d",
            "Hello World",
        ],
        curl_path=f"/rest/{vhost}/testEx/testQ/testKey",
    )


DECLARATION = Declaration(
    name=Door.name,
    namespace=Namespace,
    settings=Settings,
    claims=_claims,
    policies=_policies,
    open=_open,
    first_steps=_first_steps,
    https_only=True,
    topologies=_topologies,
)
