"""A dialect for the tests of the configuration: it hardly speaks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from twisted.internet.defer import Deferred

from mqgate.config.values import Size
from mqgate.dialects.declaration import Declaration, FirstSteps, Opening
from mqgate.engine.values import Policy
from mqgate.web.values import Asked, Fault, Reply

#: A namespace that the sample dialect takes.
NAMESPACE = '[namespaces.demo.sample]\nrooms = ["hall"]\ntokens = ["s3cret"]\n'


class SampleUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    #: In bytes.
    quota: Size = Size(0)


class SampleNamespace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rooms: tuple[str, ...]
    tokens: tuple[str, ...]
    rights: dict[str, Literal["read", "write"]] = {}
    users: tuple[SampleUser, ...] = ()


class SampleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    post_status: Literal[200, 201] = 201
    deleted_seconds: Annotated[int, msgspec.Meta(ge=0)] = 600
    polite: bool = True
    pace: float = 1.5

    def __post_init__(self) -> None:
        if self.deleted_seconds == 13:
            raise ValueError("deleted_seconds is 13: use a number that is not unlucky")


def first_steps(random_hex: Callable[[int], str]) -> FirstSteps:
    """A room and a token."""
    room, token = random_hex(24), random_hex(16)
    return FirstSteps(
        section={"rooms": [room], "tokens": [token]},
        curl_config=[f'header = "X-Token: {token}"'],
        curl_arguments=["-d", "it's here"],
        curl_path=f"/rooms/{room}",
    )


class SampleDoor:
    """Waits for a message on the queue ``q`` of its first room, whatever it is asked."""

    body_limit = 1000

    def __init__(self, name: str, opening: Opening) -> None:
        self.name = name
        self.opening = opening

    def owns(self, segment: bytes) -> bool:
        return segment == self.name.encode()

    def answer(self, asked: Asked) -> Deferred[Reply]:
        [world] = self.opening.grants[0].worlds.values()
        waiting = self.opening.engine.reserve(world, "q", wait=60_000)
        return waiting.addCallbacks(
            lambda messages: Reply(200, b"%d" % len(messages)), lambda failure: Reply(503)
        )

    def refuse(self, fault: Fault) -> Reply:
        return Reply(400)


def declare(name: str, opened: list[Opening] | None = None) -> Declaration:
    """The sample dialect under a name; what it is opened with is added to ``opened``."""

    def open_door(opening: Opening) -> SampleDoor:
        if opened is not None:
            opened.append(opening)
        return SampleDoor(name, opening)

    return Declaration(
        name=name,
        namespace=SampleNamespace,
        settings=SampleSettings,
        claims=lambda section: section.rooms,
        policies=lambda settings: {name: Policy(remembers_for=settings.deleted_seconds)},
        open=open_door,
        first_steps=first_steps,
    )


def counting_hex() -> Callable[[int], str]:
    """A source of hex digits that repeats itself from test to test, but not within one."""
    numbers = itertools.count(0xABC0)
    return lambda length: f"{next(numbers):0{length}x}"
