"""RocketMQ over HTTP, as Alibaba Cloud's SDKs speak it, under ``/topics/{topic}/messages``.

``docs/dialects/rocketmq.md`` says what it does and where it had to choose. The rooms in here:
`settings` (configuration), `target` (path and query), `signature` (what is signed), `access` (keys
and instances), `xml` (strangers' XML), `properties` (of messages), `wire` (documents), `routes`
(handlers), `refusal` (saying no), `errors` (every exception to a status and a code), `door` (what
the HTTP room sees).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence

from twisted.logger import Logger
from twisted.python.failure import Failure

from mqgate.dialects.declaration import Declaration, FirstSteps, Opening
from mqgate.dialects.rocketmq.access import Access, Instance
from mqgate.dialects.rocketmq.door import Door, RequestIds
from mqgate.dialects.rocketmq.routes import POLICY
from mqgate.dialects.rocketmq.settings import Namespace, Settings
from mqgate.dialects.rocketmq.target import DEAD_LETTERS
from mqgate.engine.engine import Engine
from mqgate.engine.values import Policy

_log = Logger()


def _claims(section: Namespace) -> Sequence[str]:
    return section.instances


def _policies(settings: Settings) -> Mapping[str, Policy]:
    return {
        POLICY: Policy(
            keeps_place=True,
            retention=settings.retention_seconds * 1000,
            maximum=settings.max_deliveries + 1,
            dead_letters=DEAD_LETTERS,
        )
    }


def _open(opening: Opening) -> Door:
    settings: Settings = opening.settings
    engine = opening.engine
    access = Access(opening.grants, settings.clock_skew_seconds)
    _declare(engine, access.instances)
    return Door(engine, engine.clock, access, settings, RequestIds(secrets.token_bytes(6)))


def _declare(engine: Engine, instances: Iterable[Instance]) -> None:
    """Make what was declared. What cannot be made just now is made when it is used."""
    for instance in instances:
        for topic, groups in instance.declared.items():
            for group in (None, *sorted(groups)):
                made = engine.groups.declare(instance.world, topic, group, policy=POLICY)
                made.addErrback(_not_made, topic)


def _not_made(failure: Failure, topic: str) -> None:
    _log.failure("The topic {topic} could not be made", failure, topic=topic)


def _first_steps(hex_digits: Callable[[int], str]) -> FirstSteps:
    """A key for two instances, and the publish of a message with it."""
    instance = "MQ_INST_demo"
    return FirstSteps(
        section={
            "instances": [instance, ""],
            "keys": [{"id": f"demo-{hex_digits(12)}", "secret": hex_digits(30)}],
        },
        curl_config=[],
        curl_arguments=[],
        curl_path=f"/topics/first/messages?ns={instance}",
        signed=["POST", "-b", "<Message><MessageBody>Hello, RocketMQ!</MessageBody></Message>"],
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
