"""The walls between the rooms: who may import what, read from the source itself.

What each room may know is in docs/architecture.md.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import mqgate

PACKAGE = Path(mqgate.__file__).parent
#: Where a module may import the reactor, and nowhere else.
REACTOR_OWNER = "mqgate.tap"
REACTOR = "twisted.internet.reactor"
#: What imports a database's own modules when it is asked for that database.
DATABASES = "mqgate.storage.databases"
#: What asks others over HTTP, and the modules of dialects that do.
CLIENT_SIDE = (
    "twisted.protocols.policies",
    "twisted.protocols.tls",
    "twisted.web.client",
    "twisted.web.iweb",
)
WAY_OUT = {
    "mqgate.dialects.ironmq.connections",
    "mqgate.dialects.ironmq.sending",
    "mqgate.dialects.ironmq.trust",
}


def module_name(path: Path) -> str:
    """The dotted name of a module of ours."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """Every name that a module imports, wherever in it: ``from a import b`` gives ``a.b``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = node.level - 1 if is_package else node.level
            parts = module.split(".")
            base = parts[: len(parts) - above] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    """Whether ``name`` is ``package`` or something in it."""
    return name == package or name.startswith(f"{package}.")


def crossings(room: str, forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[str]:
    """What the modules of a room import although they must not."""
    return [
        f"{module} imports {imported}"
        for module, imported in every_import()
        if within(module, room)
        and any(within(imported, each) for each in forbidden)
        and not any(within(imported, each) for each in allowed)
    ]


def every_import() -> Iterator[tuple[str, str]]:
    """(module, imported name) for each import of each module of ours."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = module_name(path)
        source = path.read_text(encoding="utf-8")
        for imported in imports(source, module, is_package=path.name == "__init__.py"):
            yield module, imported


def dialects() -> list[str]:
    """The folders of the dialects."""
    return sorted(path.parent.name for path in PACKAGE.glob("dialects/*/__init__.py"))


class WallTests(SynchronousTestCase):
    def test_the_engine_knows_queues_and_time_alone(self) -> None:
        """Of the storage room it knows the interface, and never an implementation."""
        self.assertEqual(
            crossings(
                "mqgate.engine",
                ("mqgate", "twisted.web", "twisted.python.usage", "json", "lxml", "sqlite3"),
                allowed=("mqgate.engine", "mqgate.storage.interface"),
            ),
            [],
        )

    def test_the_storage_knows_records_alone(self) -> None:
        self.assertEqual(
            crossings("mqgate.storage", ("mqgate", "twisted.web"), allowed=("mqgate.storage",)),
            [],
        )

    def test_what_drives_a_database_is_known_where_that_database_is(self) -> None:
        """Without psycopg, which is an extra, everything else works."""
        for driver, room in (
            ("psycopg", "mqgate.storage.postgresql"),
            ("mqgate.storage.postgresql", "mqgate.storage.postgresql"),
        ):
            users = {
                module
                for module, imported in every_import()
                if within(imported, driver) and not within(module, room)
            }
            self.assertEqual(users - {DATABASES}, set())

    def test_the_http_room_knows_no_queue_and_no_dialect(self) -> None:
        self.assertEqual(crossings("mqgate.web", ("mqgate",), allowed=("mqgate.web",)), [])

    def test_the_tls_room_knows_certificates_and_sockets_alone(self) -> None:
        self.assertEqual(
            crossings("mqgate.tls", ("mqgate", "twisted.web"), allowed=("mqgate.tls",)), []
        )

    def test_a_dialect_knows_the_engine_and_values_of_http(self) -> None:
        """Not the connection, not the database, and none of the other dialects."""
        for dialect in dialects():
            room = f"mqgate.dialects.{dialect}"
            self.assertEqual(
                crossings(
                    room,
                    ("mqgate", "twisted.web", "twisted.protocols"),
                    allowed=(
                        room,
                        "mqgate.dialects.declaration",
                        "mqgate.dialects.unforeseen",
                        "mqgate.engine.deliveries",
                        "mqgate.engine.engine",
                        "mqgate.engine.errors",
                        "mqgate.engine.names",
                        "mqgate.engine.topic_names",
                        "mqgate.engine.groups",
                        "mqgate.engine.values",
                        "mqgate.web.values",
                        "twisted.web.http_headers",
                        *CLIENT_SIDE,
                    ),
                ),
                [],
            )

    def test_a_dialects_way_out_is_in_few_modules(self) -> None:
        """What asks others over HTTP is apart from what answers."""
        users = {
            module
            for module, imported in every_import()
            if within(module, "mqgate.dialects")
            and any(within(imported, each) for each in CLIENT_SIDE)
        }
        self.assertEqual(users, WAY_OUT)

    def test_what_is_read_from_the_wire_is_read_by_pure_functions(self) -> None:
        for dialect in dialects():
            self.assertEqual(crossings(f"mqgate.dialects.{dialect}.wire", ("twisted",)), [])

    def test_the_configuration_knows_no_engine_and_no_dialect_by_name(self) -> None:
        self.assertEqual(
            crossings(
                "mqgate.config",
                ("mqgate", "twisted"),
                allowed=("mqgate.config", "mqgate.dialects.declaration", "mqgate.tls"),
            ),
            [],
        )

    def test_the_operators_command_knows_no_http_and_nobody_knows_it(self) -> None:
        self.assertEqual(crossings("mqgate.operator", ("mqgate.web", "twisted.web")), [])
        users = {
            module
            for module, imported in every_import()
            if within(imported, "mqgate.operator") and not within(module, "mqgate.operator")
        }
        self.assertEqual(users, set())

    def test_the_reactor_is_imported_in_one_place(self) -> None:
        importers = {
            module
            for module, imported in every_import()
            if within(imported, REACTOR) and module != REACTOR_OWNER
        }
        self.assertEqual(importers, set())


class ReadingTests(SynchronousTestCase):
    """The walls are only as good as the reading of the imports."""

    def read(self, source: str, *, is_package: bool = False) -> list[str]:
        return list(imports(source, "mqgate.engine.engine", is_package=is_package))

    def test_every_kind_of_import_is_seen(self) -> None:
        for source, name in [
            ("import a.b", "a.b"),
            ("import a.b as c", "a.b"),
            ("from a import b", "a.b"),
            ("from . import b", "mqgate.engine.b"),
            ("from ..storage.sqlite import b", "mqgate.storage.sqlite.b"),
            ("def f():\n    from twisted.internet import reactor", REACTOR),
            ("if TYPE_CHECKING:\n    import a", "a"),
        ]:
            self.assertEqual(self.read(source), [name], source)

    def test_a_package_is_its_own_base(self) -> None:
        [name] = imports("from . import b", "mqgate.engine", is_package=True)
        self.assertEqual(name, "mqgate.engine.b")

    def test_the_modules_are_found(self) -> None:
        modules = {module for module, _ in every_import()}
        self.assertTrue({"mqgate.config.reader", "mqgate.tls.context"} <= modules)


class TestCommandTests(SynchronousTestCase):
    def test_every_folder_of_tests_is_run(self) -> None:
        """The test command names them, because the long ones are run by another."""
        root = Path(__file__).parent
        command = (root.parent / "tox.ini").read_text(encoding="utf-8")
        parts = {
            path.relative_to(root).with_suffix("").parts[0] for path in root.rglob("test_*.py")
        }
        missing = [part for part in sorted(parts) if f"tests.{part}" not in command]
        self.assertEqual(missing, [])
