"""Topics that keep what is published to them, and groups of consumers that each get all of it.

A topic is a queue whose messages are its log; a group is a queue of its own, fed by the topic.
`groups` has the verbs, `values` what goes into them and comes out; `publishing`, `consuming` and
`feeding` are what the verbs are made of; `receipts` seals what consumers bring back.
"""

from mqgate.engine.groups.groups import Groups
from mqgate.engine.groups.values import Delivery, Outcome, Prepared, TopicMessage

__all__ = ["Delivery", "Groups", "Outcome", "Prepared", "TopicMessage"]
