"""Carries a batch out against any database: groups operations, deals the results out again.

Operations of one kind on one queue become one statement. That is legal because all of them are
unanswered, so concurrent; the order of the kinds (acknowledgements, posts, reserves, reads) lets
a waiting reserve see what came with it (docs/architecture.md).
"""

from __future__ import annotations

from mqgate.storage.executor import (
    acknowledging,
    alerting,
    claiming,
    groups,
    handing_out,
    logs,
    posting,
    publishing,
    pushing,
    topics,
    upkeep,
)
from mqgate.storage.executor.execution import Execution, Kind, Lock, SlotLost
from mqgate.storage.interface import (
    Acknowledge,
    AcknowledgePush,
    Append,
    Batch,
    Bury,
    CatchUp,
    ClaimPushes,
    Consume,
    Decide,
    Delete,
    DeletePushed,
    DropValues,
    EmptyShelves,
    FindValue,
    Forget,
    Get,
    GiveBack,
    Idle,
    Look,
    Peek,
    Post,
    Prepare,
    Probe,
    Publish,
    PublishValue,
    PutBack,
    ReadValue,
    Release,
    Reserve,
    Rest,
    ResumePushes,
    Return,
    Review,
    SettlePush,
    ShowPushes,
    Stale,
    Sweep,
    Take,
    Touch,
    Watch,
)
from mqgate.storage.session import Session

__all__ = ["FIRST", "ORDER", "SlotLost", "execute"]

#: What is held before anything is read, and what is read before the catalogue is changed, which may
#: take alerts away. All gateways take locks in this order, those of one kind sorted; then come rows
#: by their ids, and bodies last of all. Whatever else comes to hand in between is not waited for.
FIRST: tuple[Lock, ...] = (
    (topics.CHANGING, topics.hold),
    (frozenset({Watch}), alerting.hold),
    (groups.CHANGING, groups.hold),
    (pushing.ENDING, pushing.hold),
    (frozenset({Watch}), alerting.begin),
)

#: The kinds in the order in which they are carried out; `Count` comes last of all, on its own.
ORDER: tuple[Kind, ...] = (
    (Sweep, upkeep.sweep),
    (EmptyShelves, upkeep.empty_shelves),
    (Forget, upkeep.forget),
    (Probe, upkeep.probe),
    (ResumePushes, claiming.resume),
    (SettlePush, pushing.settle),
    (AcknowledgePush, pushing.acknowledge),
    (DeletePushed, pushing.delete),
    (Delete, acknowledging.delete),
    (Touch, acknowledging.touch),
    (Release, acknowledging.release),
    (GiveBack, acknowledging.give_back),
    (PutBack, acknowledging.put_back),
    (DropValues, topics.drop),
    (PublishValue, topics.publish),
    (Acknowledge, groups.acknowledge),
    (Return, groups.give_back),
    (Rest, groups.rest),
    (Bury, logs.bury),
    (Prepare, logs.prepare),
    (Decide, logs.decide),
    (Post, posting.post),
    (Publish, publishing.publish),
    (Append, logs.append),
    (CatchUp, groups.catch_up),
    (Idle, groups.idle),
    (Consume, groups.consume),
    (ClaimPushes, claiming.claim),
    (Reserve, handing_out.reserve),
    (Take, publishing.take),
    (Peek, handing_out.peek),
    (Get, handing_out.get),
    (Look, handing_out.look),
    (Review, upkeep.review),
    (ReadValue, topics.read),
    (FindValue, topics.find),
    (Watch, alerting.ring),
    (ShowPushes, pushing.show),
)


def execute(session: Session, batch: Batch) -> list[object] | Stale:
    """Carry ``batch`` out inside a transaction that the caller begins and ends.

    A `Stale` result means that nothing is to be kept. Raises `SlotLost`, or whatever the database
    raises. Either way the caller rolls back.
    """
    stale = _outdated(session, batch)
    if stale is not None:
        return stale
    execution = Execution(session, batch)
    results = execution.run(FIRST, ORDER)
    return Stale((), tuple(execution.missing)) if execution.missing else results


def _outdated(session: Session, batch: Batch) -> Stale | None:
    worlds = [world for world, _ in batch.versions]
    current = session.versions(worlds, [change.world for change in batch.changes])
    newer = [
        session.newer(world, version)
        for world, version in batch.versions
        if current[world] != version
    ]
    return Stale(tuple(newer)) if newer else None
