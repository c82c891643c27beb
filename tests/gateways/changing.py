"""Changes of the catalogue by one gateway, that the very next request to any other has to see."""

from __future__ import annotations

import random

import attrs

from tests.gateways.asking import Asker
from tests.live.server import Answer


@attrs.define
class Changes:
    """Makes queues and all that belongs to them, uses them elsewhere at once, removes them."""

    asker: Asker
    gateways: int
    random: random.Random
    #: What was not seen.
    problems: list[str] = attrs.Factory(list)
    #: How many changes were made, and looked for by requests.
    changes: int = 0
    requests: int = 0

    def round(self, number: int) -> None:
        """A queue from its beginning to its end, and an exchange with a binding."""
        name = f"changing-{number}"
        self._make(name)
        self._set(name, retries=number % 90 + 1)
        self._watch(name)
        self._bind(name)
        self._tell(name)
        self._remove(name)

    def _anybody(self) -> int:
        return self.random.randrange(self.gateways)

    def _expect(self, answer: Answer, status: int, what: str) -> None:
        self.requests += 1
        if answer.status != status:
            self.problems.append(f"{what}: {answer.status} {answer.body!r} in place of {status}")

    def _change(self, method: str, path: str, body: object = None, status: int = 201) -> None:
        self.changes += 1
        answer = self.asker.iron(self._anybody(), method, path, body)
        self._expect(answer, status, f"{method} {path}")

    def _make(self, name: str) -> None:
        """By one gateway; all others see it, and one posts to it."""
        self._change("POST", name, {})
        for gateway in range(self.gateways):
            self._expect(self.asker.iron(gateway, "GET", name), 200, f"{name} is not seen")

    def _set(self, name: str, retries: int) -> None:
        """Settings of one gateway are every other's."""
        settings = {"subscribers": [{"url": "ironmq:///pushed"}], "retries": retries}
        self._change("POST", name, settings)
        for gateway in range(self.gateways):
            answer = self.asker.iron(gateway, "GET", name)
            self._expect(answer, 200, name)
            if answer.json.get("retries") != retries:
                self.problems.append(f"{name} has not {retries} retries: {answer.json}")
        self._change("POST", name, {"push_type": "pull"})

    def _watch(self, name: str) -> None:
        """An alert that one gateway set is set off by the next post to another."""
        bells = f"{name}-bells"
        self._change("PUT", f"{name}/alerts", {"alerts": [_alert(bells)]}, 200)
        path, message = f"{name}/messages", {"messages": [{"body": "x"}]}
        self._expect(self.asker.iron(self._anybody(), "POST", path, message), 201, path)
        answer = self.asker.iron(self._anybody(), "GET", f"{bells}/messages?n=2")
        self._expect(answer, 200, bells)
        if len(answer.json.get("messages", [])) != 1:
            self.problems.append(f"{name} rang {answer.body!r}")
        self._change("DELETE", bells, None, 200)

    def _bind(self, name: str) -> None:
        """What one gateway bound is reached by the next publish to another."""
        path = f"ex-{name}/rq-{name}/key"
        self.changes += 1
        self._expect(self.asker.robo(self._anybody(), "GET", path), 204, path)
        published = self.asker.robo(self._anybody(), "POST", path, name.encode())
        self._expect(published, 200, f"publish to {path}")
        answer = self.asker.robo(self._anybody(), "GET", path)
        if answer.body != name.encode():
            self.problems.append(f"{path} did not get what was published: {answer}")

    def _tell(self, name: str) -> None:
        """What one gateway was told of a topic, a new one or not, all others know."""
        for topic in (f"news/{name}", "news/old"):
            self.changes += 1
            told = self.asker.shiftr(self._anybody(), "POST", topic, name.encode())
            self._expect(told, 200, topic)
            for gateway in range(self.gateways):
                answer = self.asker.shiftr(gateway, "GET", self.random.choice([topic, "news/+"]))
                self._expect(answer, 200, topic)
                if answer.body != name.encode():
                    self.problems.append(f"{topic} is {answer.body!r} in place of {name!r}")

    def _remove(self, name: str) -> None:
        """By one gateway; it is there for none of the others."""
        self._change("DELETE", name, None, 200)
        for gateway in range(self.gateways):
            self._expect(self.asker.iron(gateway, "GET", name), 404, f"{name} is still seen")


def _alert(queue: str) -> dict[str, object]:
    return {"type": "fixed", "trigger": 1, "queue": queue}
