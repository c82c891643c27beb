"""Every push method of the Python client ``iron-mq`` 0.7, against a server and a receiver of ours.

Run by `tests.live.test_ironmq_client` with the interpreter of an environment that has the client:
``ironmq_0_7_push.py HOST PORT PROJECT TOKEN RECEIVER``; the receiver answers as its paths say.
It ends with status 0 and a line for each step, or with a traceback.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import iron_mq  # type: ignore[import-not-found]

HTTPError = iron_mq.iron_core.requests.HTTPError
PATIENCE_SECONDS = 30.0


def check(step: str, found: object, expected: object) -> None:
    """Compare, and say that the step is done."""
    if found != expected:
        raise AssertionError(f"{step}: {found!r} is not {expected!r}")
    print(step)


def urls(queue: dict[str, Any]) -> list[str]:
    """The subscribers of a queue object."""
    return [subscriber["url"] for subscriber in queue["subscribers"]]


def wait_for(queue: Any, message: str, wanted: list[str]) -> list[dict[str, Any]]:
    """The push statuses of a message, as soon as they are these."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        entries: list[dict[str, Any]] = queue.get_message_push_statuses(message)["subscribers"]
        if [entry["status"] for entry in entries] == wanted:
            return entries
        if time.monotonic() > deadline:
            raise AssertionError(f"{entries!r} do not become {wanted!r}")
        time.sleep(0.05)


def check_subscribers(queue: Any, receiver: str) -> None:
    """Give a queue subscribers, add some, remove some."""
    first, second = f"{receiver}/200", f"{receiver}/202"
    check("update with one URL", urls(queue.update(first)), [first])
    updated = queue.update([first], push_type="unicast", retries=0, error_queue="failed")
    found = (updated["push_type"], updated["retries"], updated["error_queue"])
    check("update with settings", found, ("unicast", 0, "failed"))
    check("update the type", queue.update(push_type="multicast")["push_type"], "multicast")
    check("add_subscribers", urls(queue.add_subscribers(second)), [first, second])
    check("remove_subscribers", urls(queue.remove_subscribers(first)), [second])
    check("add_subscribers again", urls(queue.add_subscribers(first)), [second, first])
    check("info", urls(queue.info()), [second, first])


def check_pushes(queue: Any, receiver: str) -> None:
    """Push messages, look how far they are, acknowledge."""
    (message,) = queue.post("hello")["ids"]
    entries = wait_for(queue, message, ["reserved", "deleted"])
    check("get_message_push_statuses", [each["status_code"] for each in entries], [202, 200])
    check("size while one is pending", queue.size(), 1)
    (accepted, _) = entries
    acknowledged = queue.delete_message_push_status(message, accepted["id"])
    check("delete_message_push_status", acknowledged["msg"], "Deleted")
    wait_for(queue, message, ["deleted", "deleted"])
    check("size when all is done", queue.size(), 0)
    check("get_message_by_id", queue.get_message_by_id(message)["status"], "deleted")
    try:
        queue.delete_message_push_status(message, "17")
    except HTTPError as error:
        check("acknowledge what is unknown", error.response.status_code, 404)
    else:
        raise AssertionError("an unknown push was acknowledged")


def check_errors(mq: Any, queue: Any, receiver: str) -> None:
    """A push that fails is told to the error queue."""
    queue.update([f"{receiver}/503"])
    (message,) = queue.post("lost")["ids"]
    wait_for(queue, message, ["error"])
    (error,) = mq.queue("failed").get()["messages"]
    check("error queue", message in error["body"], True)


def check_pull(queue: Any) -> None:
    """Back to a pull queue."""
    check("back to pull", "push_type" in queue.update(push_type="pull"), False)
    queue.post("pulled")
    check("get", [each["body"] for each in queue.get()["messages"]], ["pulled"])


def main(host: str, port: str, project: str, token: str, receiver: str) -> None:
    """All steps."""
    mq = iron_mq.IronMQ(
        host=host,
        port=int(port),
        protocol="https",
        project_id=project,
        token=token,
        api_version=1,
    )
    queue = mq.queue("pushes")
    check_subscribers(queue, receiver)
    check_pushes(queue, receiver)
    check_errors(mq, queue, receiver)
    check_pull(queue)


if __name__ == "__main__":
    main(*sys.argv[1:])
