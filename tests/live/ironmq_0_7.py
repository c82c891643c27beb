"""Every method of the Python client ``iron-mq`` 0.7 for pull queues, against a server of ours.

Run by `tests.live.test_ironmq_client` with the interpreter of an environment that has the client:
``ironmq_0_7.py HOST PORT PROJECT TOKEN``. It ends with status 0 and a line for each step, or with
a traceback. Push queues have their own steps (``ironmq_0_7_push.py``).
"""

from __future__ import annotations

import json
import sys
import time
import urllib
import urllib.parse
from typing import Any

# The client was written for Python 2, where this function stood here.
urllib.urlencode = urllib.parse.urlencode  # type: ignore[attr-defined]

import iron_mq  # type: ignore[import-not-found] # noqa: E402

HTTPError = iron_mq.iron_core.requests.HTTPError


def check(step: str, found: object, expected: object) -> None:
    """Compare, and say that the step is done."""
    if found != expected:
        raise AssertionError(f"{step}: {found!r} is not {expected!r}")
    print(step)


def bodies(answer: dict[str, Any]) -> list[str]:
    """The bodies of the messages in an answer."""
    return [message["body"] for message in answer["messages"]]


def check_messages(queue: Any) -> None:
    """Post, look at, take, keep, give back and delete messages."""
    posted = queue.post("one", {"body": "two", "timeout": 30}, "trois ☃")
    check("post", (posted["msg"], len(posted["ids"])), ("Messages put on queue.", 3))
    first, second, third = posted["ids"]
    check("peek", bodies(queue.peek()), ["one"])
    check("peek many", bodies(queue.peek(max=10)), ["one", "two", "trois ☃"])
    [message] = queue.get()["messages"]
    check("get", (message["id"], message["body"], message["reserved_count"]), (first, "one", 1))
    check("get with a timeout", bodies(queue.get(max=2, timeout=60)), ["two", "trois ☃"])
    check("get of an empty queue", queue.get(), {"messages": []})
    check("get by id", queue.get_message_by_id(second)["body"], "two")
    check("touch", queue.touch(first)["msg"], "Touched")
    check("release", queue.release(second)["msg"], "Released")
    check("get what was released", bodies(queue.get()), ["two"])
    check("release with a delay", queue.release(third, delay=600)["msg"], "Released")
    check("get what is delayed", queue.get(), {"messages": []})
    check("delete", queue.delete(first)["msg"], "Deleted")
    check("delete many", queue.delete_multiple(second, third)["msg"], "Deleted")
    try:
        queue.delete(first)
    except HTTPError as error:
        check("delete what is gone", error.response.status_code, 404)
    else:
        raise AssertionError("a message was deleted twice")


def check_wait(queue: Any) -> None:
    """A long poll ends after its time when nothing comes."""
    began = time.monotonic()
    check("long poll", queue.get(wait=1), {"messages": []})
    if not 0.9 <= time.monotonic() - began < 5:
        raise AssertionError("the poll did not wait for its second")
    queue.post({"body": "soon", "delay": 1})
    check("long poll for what comes due", bodies(queue.get(wait=10)), ["soon"])


def check_alerts(queue: Any) -> None:
    """Alerts come, go off, and go."""
    rising = {"type": "fixed", "direction": "asc", "trigger": 2, "queue": "bells"}
    falling = {"type": "progressive", "direction": "desc", "trigger": 2, "queue": "bells"}
    check("add_alerts", queue.add_alerts(rising)["msg"], "Alerts were added.")
    check("add_alerts again", queue.add_alerts(falling)["msg"], "Alerts were added.")
    try:
        queue.add_alerts(rising)
    except HTTPError as error:
        check("add_alerts that are there", error.response.status_code, 400)
    else:
        raise AssertionError("an alert was added twice")
    shown = queue.info()["alerts"]
    check("alerts in info", [alert["type"] for alert in shown], ["fixed", "progressive"])
    ids = queue.post("one", "two", "three")["ids"]
    queue.delete(ids[0])
    bells = queue.client.get("queues/bells/messages?n=10&delete=true")["body"]
    told = [json.loads(body) for body in bodies(bells)]
    check("alerts that went off", [alert["queue_size"] for alert in told], [3, 2])
    check("their ids", [alert["alert_id"] for alert in told], [alert["id"] for alert in shown])
    check("remove_alert", queue.remove_alert(shown[0]["id"])["msg"], "Alerts were deleted.")
    check("remove_alerts", queue.remove_alerts(shown[1]["id"])["msg"], "Alerts were deleted.")
    check("no alerts in info", "alerts" in queue.info(), False)
    check("update_alerts", queue.update_alerts(falling, rising)["msg"], "Alerts were replaced.")
    check("alerts replaced", len(queue.info()["alerts"]), 2)
    check("update_alerts with none", queue.update_alerts()["msg"], "Alerts were replaced.")
    check("alerts cleared", "alerts" in queue.info(), False)
    check("delete their queue", queue.delete_queue()["msg"], "Deleted.")
    check("delete the bells", queue.client.delete("queues/bells")["body"]["msg"], "Deleted.")


def check_queue(mq: Any, queue: Any) -> None:
    """What is known about a queue, and its end."""
    queue.post(*[f"message {number}" for number in range(20)])
    check("size", queue.size(), 21)
    check("total_messages", queue.total_messages(), 24)
    info = queue.info()
    check("info", (info["name"], info["id"]), (queue.name, queue.id()))
    check("update", queue.update()["name"], queue.name)
    check("clear", queue.clear()["msg"], "Cleared")
    check("size after clear", queue.size(), 0)
    check("list", mq.queues(), ["a", queue.name])
    check("list a page", mq.queues(page=1, per_page=1), [queue.name])
    check("delete queue", queue.delete_queue()["msg"], "Deleted.")
    check("list what is left", mq.getQueues(), ["a"])


def check_old_names(mq: Any) -> None:
    """The methods that 0.7 still had for users of versions before it."""
    posted = mq.postMessage("a", ["hello"])
    check("getQueueDetails", mq.getQueueDetails("a")["size"], 1)
    check("getMessage", bodies(mq.getMessage("a", max=5)), ["hello"])
    check("deleteMessage", mq.deleteMessage("a", posted["ids"][0])["msg"], "Deleted")
    check("clearQueue", mq.clearQueue("a")["msg"], "Cleared")


def main(host: str, port: str, project: str, token: str) -> None:
    """All steps."""
    mq = iron_mq.IronMQ(
        host=host,
        port=int(port),
        protocol="https",
        project_id=project,
        token=token,
        api_version=1,
    )
    queue = mq.queue("jobs")
    check_old_names(mq)
    check_messages(queue)
    check_wait(queue)
    check_queue(mq, queue)
    check_alerts(mq.queue("watched"))
    stranger = iron_mq.IronMQ(
        host=host, port=int(port), protocol="https", project_id=project, token="x", api_version=1
    )
    try:
        stranger.queues()
    except HTTPError as error:
        check("a wrong token", error.response.status_code, 401)
    else:
        raise AssertionError("a wrong token was taken")


if __name__ == "__main__":
    main(*sys.argv[1:])
