"""What keeps a server from starting is one line, and exit status 1."""

from __future__ import annotations

import subprocess

from tests.live.case import LiveTestCase
from tests.live.server import PATIENCE_SECONDS, Server, environment, twistd

CONFIG = '[namespaces.demo.ironmq]\nprojects = ["p"]\ntokens = ["t0ken"]\n'


class FailingStartTests(LiveTestCase):
    def line(self, server: Server) -> str:
        """The one line of a server that cannot start."""
        server.launch()
        self.assertEqual(server.wait(), 1)
        errors = server.errors()
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertNotIn("Traceback", errors + server.output())
        self.assertNotIn(errors.strip(), server.output())  # a terminal shows both
        return errors.strip()

    def test_a_port_that_is_taken(self) -> None:
        first = self.started()
        second = self.server(folder="second", listen=[f"ssl:{first.tls_port}:interface=127.0.0.1"])
        self.assertEqual(
            self.line(second),
            f"Port {first.tls_port} on 127.0.0.1 is taken by another program: stop that one, or"
            " change the --listen of the command line.",
        )

    def test_a_port_that_is_taken_names_the_configuration_to_change(self) -> None:
        first = self.started()
        config = f'listen = ["tcp:{first.port}:interface=127.0.0.1"]\n{CONFIG}'
        self.assertEqual(
            self.line(self.server(folder="second", listen=[], config=config)),
            f"Port {first.port} on 127.0.0.1 is taken by another program: stop that one, or"
            " change listen in mqgate.toml (or use --listen).",
        )

    def test_a_second_server_on_the_same_data(self) -> None:
        first = self.started()
        assert first.process is not None
        line = self.line(self.server(folder="second", arguments=[f"--data={first.data}"]))
        self.assertIn(f"held by another server (process {first.process.pid})", line)
        self.assertEqual(first.ask("GET", "/readyz").status, 200)

    def test_a_second_start_in_the_same_folder(self) -> None:
        """The ports are taken as well, but that is not what is to be said."""
        first = self.started()
        assert first.process is not None
        second = self.server(listen=[])
        second.launch()
        self.assertEqual(second.wait(), 1)
        self.assertIn(f"held by another server (process {first.process.pid})", second.errors())
        self.assertNotIn("Port", second.errors())

    def test_a_wrong_configuration(self) -> None:
        config = f"{CONFIG}[ironmq]\npost_status = 202\n"
        self.assertEqual(
            self.line(self.server(config=config)),
            "mqgate.toml: ironmq.post_status is 202: use 200 or 201",
        )

    def test_a_configuration_that_is_not_there(self) -> None:
        server = self.server(arguments=["--config=none.toml"])
        self.assertEqual(self.line(server), "none.toml: cannot be read: No such file or directory")

    def test_a_secret_that_is_not_there(self) -> None:
        config = CONFIG.replace('"t0ken"', '{ env = "MQ_TOKEN" }')
        self.assertEqual(
            self.line(self.server(config=config)),
            "mqgate.toml: namespaces.demo.ironmq.tokens[0] asks for the environment variable"
            " MQ_TOKEN: set it",
        )

    def test_a_certificate_that_is_not_there(self) -> None:
        config = f'listen = ["ssl:0:interface=127.0.0.1:privateKey=mine.pem"]\n{CONFIG}'
        self.assertIn("mine.pem is missing", self.line(self.server(listen=[], config=config)))

    def test_a_damaged_database(self) -> None:
        server = self.started()
        server.stop()
        (server.data / "mqgate.db").write_bytes(b"no database " * 1000)
        self.assertIn("mqgate.db", self.line(server))

    def test_a_data_folder_that_is_a_file(self) -> None:
        (self.folder / "file").touch()
        self.assertTrue(self.line(self.server(arguments=["--data=file"])).startswith("file"))

    def test_what_is_no_option(self) -> None:
        """Or is one of twistd's, in the wrong place."""
        for folder, argument in enumerate(("--colour=red", "start", "-n")):
            line = self.line(self.server(folder=str(folder), arguments=[argument]))
            self.assertIn(argument.partition("=")[0], line)
            self.assertIn("twistd -n --pidfile= mqgate [--config FILE]", line)

    def test_a_log_file_has_the_line_too(self) -> None:
        log = self.folder / "mq.log"
        server = self.server(listen=["tcp:1:interface=192.0.2.1"], twistd=[f"--logfile={log}"])
        self.assertIn(f"mqgate cannot start: {self.line(server)}", log.read_text(encoding="utf-8"))

    def test_in_the_background_the_line_comes_too_and_no_pid_file_stays(self) -> None:
        first = self.started()
        pid_file, log_file = self.folder / "mq.pid", self.folder / "mq.log"
        shown = subprocess.run(
            twistd(
                f"--pidfile={pid_file}",
                f"--logfile={log_file}",
                "mqgate",
                f"--listen=tcp:{first.port}:interface=127.0.0.1",
                "--data=second",
            ),
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        self.assertEqual(shown.returncode, 1)
        line, twistds, *_ = shown.stderr.decode().splitlines()
        self.assertIn(f"Port {first.port} on 127.0.0.1 is taken", line)
        self.assertIn("'mqgate did not start, for the reason above'", twistds)
        log = log_file.read_text(encoding="utf-8")
        self.assertIn(f"mqgate cannot start: Port {first.port} on 127.0.0.1 is taken", log)
        self.assertNotIn("Traceback", log)
        self.assertFalse(pid_file.exists())
