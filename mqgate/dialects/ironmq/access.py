"""Who may come in: tokens and projects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hmac import compare_digest

import attrs

from mqgate.dialects.declaration import Grant
from mqgate.dialects.ironmq.refusal import Refused, unknown
from mqgate.dialects.ironmq.settings import Namespace
from mqgate.dialects.ironmq.target import parse_query
from mqgate.web.values import Asked

#: Of all the spellings, the vendor's page takes this one only.
_SCHEME = b"OAuth "


@attrs.frozen
class Project:
    """A project of the configuration, and the tokens that open it."""

    id: str
    world: int
    suspended: bool
    tokens: tuple[bytes, ...] = attrs.field(repr=False)


class Access:
    """The doorkeeper: first the token, then the project."""

    def __init__(self, grants: Sequence[Grant]) -> None:
        projects = [project for grant in grants for project in _projects(grant)]
        self._projects = {project.id.encode(): project for project in projects}
        self._ids = {project.world: project.id for project in projects}
        self._tokens = tuple({token for project in projects for token in project.tokens})

    def admit(self, asked: Asked, segment: bytes) -> Project:
        """The project that the path names, if the request carries one of its tokens.

        ``segment`` is empty when the path names none. Raises `Refused`: 401, also for the token
        of another project; 404 for a known token and an unknown project; 403 when suspended.
        """
        return self._admit(_token(asked), segment)

    def open(self, project: str, token: str) -> Project:
        """The same for a push to a queue of this server, whose URL has both."""
        return self._admit(token.encode(), project.encode())

    def project_id(self, world: int) -> str:
        """The id of the project that is this world; empty if none is."""
        return self._ids.get(world, "")

    def _admit(self, token: bytes, segment: bytes) -> Project:
        project = self._projects.get(segment)
        if not _is_among(token, self._tokens if project is None else project.tokens):
            raise Refused(401, "Invalid project/token combination")
        if project is None:
            raise unknown("Project not found" if segment else "Not found")
        if project.suspended:
            raise Refused(403, "Project suspended")
        return project


def _projects(grant: Grant) -> Iterable[Project]:
    section: Namespace = grant.section
    tokens = tuple(token.encode() for token in section.tokens)
    for name in section.projects:
        yield Project(name, grant.worlds[name], name in section.suspended, tokens)


def _token(asked: Asked) -> bytes:
    """The token that came along; empty if none did. A header, once there, decides."""
    headers = asked.headers.getRawHeaders(b"authorization")
    if not headers:
        return parse_query(asked.query).get(b"oauth", b"")
    # Two of them are for two readers to understand differently, so neither counts.
    if len(headers) > 1 or not headers[0].startswith(_SCHEME):
        return b""
    return headers[0][len(_SCHEME) :]


def _is_among(token: bytes, tokens: Iterable[bytes]) -> bool:
    """Whether it is one of them. The time taken does not tell which, nor how much of it fits."""
    fits = False
    for known in tokens:
        fits |= compare_digest(token, known)
    return fits
