
-- Push queues. The first schema's table was never written to: it is made anew, and no row of
-- another table is touched. An entry is one delivery of a message. Its first columns stay as they
-- were when the message came, the rest tells how far it is.

DROP TABLE push;
CREATE TABLE push(
    world       INTEGER NOT NULL,
    queue       INTEGER NOT NULL,             -- the message's shelf, as in msg
    message     INTEGER NOT NULL,
    subscriber  INTEGER NOT NULL,             -- an id, for its receiver to acknowledge with
    number      INTEGER NOT NULL,             -- queue.number, whatever the shelf is
    targets     BLOB    NOT NULL,             -- where it can go: one after the other in each try
    via         TEXT    NOT NULL,             -- how the message came, in its dialect's words
    error_queue TEXT,                         -- the name of the queue that hears of failure
    retries     INTEGER NOT NULL,
    delay       INTEGER NOT NULL,             -- between tries
    step        INTEGER NOT NULL,             -- the target whose turn it is
    url         TEXT    NOT NULL,             -- its address
    lane        TEXT    NOT NULL,             -- what its pushes are limited together with
    tries       INTEGER NOT NULL,             -- begun so far, the present one included
    next_at     INTEGER NOT NULL,             -- when it is looked at next
    status      INTEGER NOT NULL,             -- 0 queued, 1 reserved, 2 retrying, 3 done, 4 failed
    code        INTEGER NOT NULL,             -- of the last answer
    claim       INTEGER NOT NULL,             -- an id of whoever is at it; 0 = nobody
    failures    BLOB,                         -- of the targets before this one, in this try
    PRIMARY KEY(world, queue, message, subscriber)
) WITHOUT ROWID;
CREATE INDEX push_due     ON push(next_at, lane) WHERE status < 3;
CREATE INDEX push_lane    ON push(lane, next_at) WHERE status < 3;
CREATE INDEX push_claimed ON push(claim) WHERE claim > 0;

CREATE TABLE push_remembered(                 -- entries to be removed, their messages gone by then
    until INTEGER NOT NULL,
    world INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    ids   TEXT    NOT NULL                    -- a JSON array of the messages' ids
);
CREATE INDEX push_remembered_until ON push_remembered(until);
