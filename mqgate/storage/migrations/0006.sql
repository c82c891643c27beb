-- Alerts. No version has written one yet, so the table is made anew: an alert comes and goes with
-- its queue's row in the catalogue, which has the version, and is removed for good.

DROP TABLE alert;
CREATE TABLE alert(
    world       INTEGER NOT NULL,
    queue       INTEGER NOT NULL,             -- queue.number
    id          INTEGER NOT NULL,
    progressive INTEGER NOT NULL,             -- whether every multiple of the threshold counts
    descending  INTEGER NOT NULL,
    threshold   INTEGER NOT NULL,
    target      TEXT    NOT NULL,             -- the queue that gets the message, by name
    snooze      INTEGER NOT NULL,             -- silent for so long after
    policy      TEXT    NOT NULL,             -- says what the message is like
    fired_at    INTEGER NOT NULL,             -- when it was set off last, or 0
    PRIMARY KEY(world, queue, id)
) WITHOUT ROWID;

-- Whose a message is that has expired.
CREATE INDEX queue_shelf ON queue(world, shelf) WHERE removed = 0;
