"""What can go wrong in the engine. Each dialect translates these into its own error shape."""

from __future__ import annotations


class EngineError(Exception):
    """Base of everything the engine refuses. The text is for people."""


class QueueNotFound(EngineError):
    """No queue of that name in this world."""


class ExchangeNotFound(EngineError):
    """No exchange of that name in this world."""


class BindingNotFound(EngineError):
    """The queue is not bound to the exchange with that key."""


class ExchangeDiffers(EngineError):
    """An exchange of that name is there, but of another type."""


class ReservedName(EngineError):
    """An exchange or a queue of that name cannot be made."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} name {name!r} contains reserved prefix 'amq.*'")
        #: "exchange" or "queue".
        self.kind = kind
        self.name = name


class Unroutable(EngineError):
    """The message would reach no queue, and has to reach one."""


class TopicNotFound(EngineError):
    """No topic of that name in this world, and none may be made."""


class GroupNotFound(EngineError):
    """The topic has no such group, and none may be made."""


class MessageNotFound(EngineError):
    """No such message in this queue: never posted, deleted, or expired."""


class AlertsRefused(EngineError):
    """The queue cannot have these alerts; base of the reasons why."""


class AlertsNotPossible(AlertsRefused):
    """A queue with these settings has no alerts."""


class AlertRepeated(AlertsRefused):
    """The queue has such an alert already."""


class TooManyAlerts(AlertsRefused):
    """The queue would have more alerts than it may have."""


class AlertsInRing(AlertsRefused):
    """Progressive alerts would set each other off in a ring."""


class InvalidRequest(EngineError):
    """A value that no store could take (an id beyond 63 bits, NUL in a name …).

    It is raised before anything enters a batch, so it never disturbs other callers.
    """


class StoreUnavailable(EngineError):
    """The database cannot take this now; nothing was changed; the caller may try again."""


class Overloaded(StoreUnavailable):
    """Too much is waiting to enter a batch already."""


class NoRoom(StoreUnavailable):
    """The disk is nearly full: nothing new is taken in until there is room again."""


class LimitReached(EngineError):
    """It would lead beyond what the operator lets this world or queue hold; it changed nothing.

    It may succeed once something was taken away, and is no fault of the server's: to be told with
    the dialect's own refusal for exhausted limits.
    """


class TopicsFull(LimitReached):
    """The world has as many topics as it may have, each with a retained value; nothing changed."""


class TooManyPatterns(LimitReached):
    """To look for all queues that a publish reaches would take too long; nothing changed."""


class OperationFailed(EngineError):
    """This operation alone could not be done, for a reason nobody foresaw; it changed nothing.

    What happened is in the log, with the operation's name but none of its contents.
    """
