"""Defaults and bounds of every number a client may send (the vendor's, in the vendor's units).

What is out of bounds is moved to the nearest bound and never refused: the clients of the day
posted a timeout of 10, of 2 and of 0, and were served.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Limit:
    """How one number is brought into its bounds."""

    default: int
    low: int
    high: int
    #: Whether 0 says "not set". The Java and Go clients send 0 for what their user left out.
    zero_is_default: bool = False

    def clamp(self, value: int | None) -> int:
        """The value to use for the one given; None was not given. Negative ones never get here."""
        if value is None or (value == 0 and self.zero_is_default):
            return self.default
        return min(max(value, self.low), self.high)


#: Seconds a reservation lasts.
TIMEOUT = Limit(60, 30, 86_400, zero_is_default=True)
#: The same, asked for when getting; 0 = as long as each message says itself.
GET_TIMEOUT = Limit(0, 30, 86_400, zero_is_default=True)
#: Seconds until a message can be had.
DELAY = Limit(0, 0, 604_800)
#: Seconds a message lives.
EXPIRES_IN = Limit(604_800, 1, 2_592_000, zero_is_default=True)
#: Messages in one get or peek.
COUNT = Limit(1, 1, 100)
#: Seconds a get waits for something to come.
WAIT = Limit(0, 0, 30)
#: Pages of a list, from 0, and queues on a page.
PAGE = Limit(0, 0, 100)
PER_PAGE = Limit(30, 1, 100)
#: How often a failed push is tried again, and how many seconds later.
RETRIES = Limit(3, 0, 100)
RETRIES_DELAY = Limit(60, 3, 86_400)

#: Messages that set an alert off; JSON's readers keep no larger number.
TRIGGER = Limit(1, 1, (1 << 53) - 1)
#: Seconds for which an alert that went off is silent.
SNOOZE = Limit(0, 0, 31_536_000)
#: Alerts of one queue.
ALERTS = 5

#: The longest request body, in bytes.
BODY_BYTES = 256 * 1024
#: The subscribers of a queue, in bytes of JSON.
SUBSCRIBERS_BYTES = 64 * 1024
