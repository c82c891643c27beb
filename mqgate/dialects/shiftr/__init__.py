"""shiftr.io's HTTP interface: topics that are published to and read, under ``/broker``.

``docs/dialects/shiftr.md`` says what it does and where it had to choose. The rooms in here:
`settings` (configuration), `access` (instances and tokens), `wire` (topics and parameters),
`refusal` (saying no), `replies`, `errors` (every exception to a status and a line), `door` (what
the HTTP room sees).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mqgate.dialects.declaration import Annex, Declaration, FirstSteps, Opening
from mqgate.dialects.shiftr.access import Access, Everybody
from mqgate.dialects.shiftr.door import Door, forgetting
from mqgate.dialects.shiftr.settings import Namespace, Settings
from mqgate.engine.values import Policy


def _claims(section: Namespace) -> Sequence[str]:
    return section.instances


def _policies(settings: Settings) -> Mapping[str, Policy]:
    """None: it makes no queues."""
    return {}


def _open(opening: Opening) -> Door:
    worlds = [world for grant in opening.grants for world in grant.worlds.values()]
    opening.engine.topics.bridge(worlds)
    kept = opening.settings.keep_values
    busy = set() if kept else forgetting(opening.engine, worlds)
    return Door(opening.engine, Access(opening.grants), opening.settings, busy)


def _annex(settings: Settings, sections: Sequence[Namespace]) -> Annex | None:
    """The Desktop edition's listener."""
    desktop = settings.desktop
    if desktop is None:
        return None
    instances = [name for section in sections for name in section.instances]
    if not instances:
        raise ValueError("desktop has no instance: add a section [namespaces.demo.shiftr]")
    if desktop.instance and desktop.instance not in instances:
        known = " or ".join(map(repr, instances))
        raise ValueError(f"desktop.instance is {desktop.instance!r}: use {known}")
    interface = desktop.interface.replace(":", r"\:")
    return Annex(
        f"tcp:{desktop.port}:interface={interface}",
        "[shiftr.desktop]",
        "shiftr Desktop: everybody may publish and read",
        _open_desktop,
    )


def _open_desktop(opening: Opening, door: Door) -> Door:
    return door.without_credentials(Everybody(opening.grants, opening.settings.desktop.instance))


def _first_steps(hex_digits: Callable[[int], str]) -> FirstSteps:
    """An instance, a token that may do all, and a publish with it."""
    instance, secret = "demo", hex_digits(32)
    return FirstSteps(
        section={
            "instances": [instance],
            "tokens": [{"secret": secret, "access": "read-write"}],
        },
        curl_config=[f'user = "{instance}:{secret}"'],
        curl_arguments=["-d", "Hello World!"],
        curl_path="/broker/foo/bar?retained=true",
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
    annex=_annex,
)
