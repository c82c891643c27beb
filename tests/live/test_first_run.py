"""The first start in an empty folder, and the ones after it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from contextlib import closing

from tests.live.case import LiveTestCase
from tests.live.server import PATIENCE_SECONDS, Server, environment, twistd


class FirstRunTests(LiveTestCase):
    def curl_lines(self, text: str) -> list[str]:
        return [line for line in text.splitlines() if "curl -w" in line]

    def paste(
        self, line: str, more: str = "-w '\\n%{http_code}'"
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a line as a person would: in a shell, where the server was started."""
        return subprocess.run(
            ["sh", "-c", f"exec {line} -sS {more}"],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def test_the_lines_that_are_shown_work_when_they_are_pasted(self) -> None:
        server = self.started()
        lines = self.curl_lines(server.output())
        self.assertEqual(len(lines), len(server.configuration["namespaces"]["demo"]))
        for line in lines:
            answer = self.paste(line)
            self.assertEqual(answer.stderr, b"")
            self.assertRegex(answer.stdout.decode(), r"\n20[01]$")
        self.assertEqual(server.ask_queue("GET", "first").json["size"], 1)
        shown = [self.paste(line, more="").stdout for line in lines]
        for text, end in zip(shown, (b"}\n", b"\n", b"</Message>\n", b"\n"), strict=True):
            self.assertTrue(text.endswith(end), text)

    def test_the_text_is_shown_once_and_kept(self) -> None:
        server = self.started()
        kept = (server.data / "FIRST-STEPS.txt").read_text(encoding="utf-8")
        self.assertIn(kept, server.output())
        server.stop()
        server.start()
        lines = len(server.configuration["namespaces"]["demo"])
        self.assertEqual(len(self.curl_lines(server.output())), lines)
        where = f"mqgate listens on http://127.0.0.1:{server.port}, https://127.0.0.1:"
        self.assertEqual(server.output().count(where), 1)

    def test_the_next_start_finds_everything_again(self) -> None:
        server = self.started()
        server.ask_queue("POST", "q", "/messages", {"messages": [{"body": "kept"}]})
        configuration = server.configuration
        server.stop()
        server.start()
        self.assertEqual(server.configuration, configuration)
        [message] = server.ask_queue("GET", "q", "/messages").json["messages"]
        self.assertEqual(message["body"], "kept")
        self.assertEqual(server.ask("GET", "/healthz", tls=True).status, 200)

    def test_the_data_folder_is_for_its_owner_alone(self) -> None:
        server = self.started()
        self.assertEqual(server.data.stat().st_mode & 0o777, 0o700)
        for file in ("mqgate.toml", "mqgate.db", "curl/ironmq", "tls/server.key", "tls/ca.key"):
            self.assertEqual((server.data / file).stat().st_mode & 0o777, 0o600, file)

    def test_a_first_start_whose_port_was_taken_is_finished_by_the_next_one(self) -> None:
        """Its text, which nobody saw yet, is shown then, with the ports of then."""
        other = self.server(folder="other")
        other.start()
        taken = self.server(listen=[f"tcp:{other.port}:interface=127.0.0.1"])
        taken.launch()
        self.assertEqual(taken.wait(), 1)
        self.assertEqual(self.curl_lines(taken.output()), [])
        server = self.started()
        lines = self.curl_lines(server.output())
        self.assertEqual(len(lines), len(server.configuration["namespaces"]["demo"]))
        for line in lines:
            self.assertIn(f"https://127.0.0.1:{server.tls_port}/", line)
            self.assertRegex(self.paste(line).stdout.decode(), r"\n20[01]$")

    def test_a_server_in_the_background_shows_the_text_where_it_was_started(self) -> None:
        server = self.server()
        pid_file, log_file = self.folder / "mq.pid", self.folder / "mq.log"
        command = twistd(
            f"--pidfile={pid_file}",
            f"--logfile={log_file}",
            "mqgate",
            f"--listen=tcp:{server.port}:interface=127.0.0.1",
        )
        shown = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        self.addCleanup(self.end, pid_file)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        # Those for HTTPS alone are served by no listener here.
        self.assertEqual(len(self.curl_lines(shown.stdout.decode())), 2)
        self.assertEqual(server.ask("GET", "/readyz").status, 200)
        log = log_file.read_text(encoding="utf-8")
        self.assertIn("Ready", log)
        self.assertNotIn("curl", log)

    def end(self, pid_file: object) -> None:
        """Stop the server in the background and wait until its pid file is gone."""
        subprocess.run(
            [
                *("sh", "-c", 'kill "$(cat "$0")" && while test -e "$0"; do sleep 0.05; done'),
                str(pid_file),
            ],
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def test_secrets_are_neither_shown_nor_logged(self) -> None:
        server = self.started()
        body = "a body that is nobody's business"
        server.ask_queue("POST", "q", "/messages", {"messages": [{"body": body}]})
        project, token = server.project()
        server.ask("GET", f"/1/projects/{project}/queues?oauth={token}")
        server.ask("POST", f"/1/projects/{project}/queues/q/messages", {"messages": body})
        robomq = server.configuration["namespaces"]["demo"]["robomq"]
        secrets = [user["password"] for user in robomq["users"]]
        secrets += [each["value"] for each in robomq["token_headers"]]
        rocketmq = server.configuration["namespaces"]["demo"]["rocketmq"]
        secrets += [each["secret"] for each in rocketmq["keys"]]
        with closing(server.connect(tls=True)) as connection:
            headers = {"X-Secret-Token": robomq["token_headers"][-1]["value"]}
            connection.request("POST", "/rest/demo/e/q/k", body, headers)
            self.assertEqual(server.receive(connection).status, 200)
        server.stop()
        said = server.output() + server.errors()
        said += (server.data / "FIRST-STEPS.txt").read_text(encoding="utf-8")
        for secret in (token, body, *secrets):
            self.assertNotIn(secret, said)

    def test_a_folder_without_a_database_gets_one(self) -> None:
        """A configuration that is kept elsewhere, such as in a repository, starts anywhere."""
        config = '[namespaces.demo.ironmq]\nprojects = ["p"]\ntokens = [{ env = "MQ_TOKEN" }]\n'
        server = self.server(config=config, environment={"MQ_TOKEN": "t0ken"})
        server.start()
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.request("GET", "/1/projects/p/queues?oauth=t0ken")
        self.assertEqual(server.receive(connection).json, [])
        self.assertEqual(server.data.stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.curl_lines(server.output()), [])

    def test_the_configuration_that_is_written_says_how_old_clients_come_here(self) -> None:
        server = self.started()
        text = (server.data / "mqgate.toml").read_text(encoding="utf-8")
        self.assertEqual(tomllib.loads(text)["data"], ".")
        self.assertIsNotNone(re.search(r"^# .*tls_names", text, re.MULTILINE))


class ServerHelperTests(LiveTestCase):
    def test_a_server_that_does_not_start_is_reported(self) -> None:
        server: Server = self.server(arguments=["--data=/dev/null"])
        error = self.assertRaises(AssertionError, server.start)
        self.assertIn("the server ended", str(error))
