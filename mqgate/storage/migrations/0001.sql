-- The first schema. Every key leads with the world; times are milliseconds since 1970.
-- It carries every column that later dialects use, because adding one to a table of millions of
-- rows would rewrite it. What each is for: docs/architecture.md.

CREATE TABLE world(
    id          INTEGER PRIMARY KEY,
    version     INTEGER NOT NULL DEFAULT 0,   -- of the catalogue: queues, exchanges, bindings
    forgotten   INTEGER NOT NULL DEFAULT 0,   -- tombstones up to this version may be gone
    next_number INTEGER NOT NULL DEFAULT 1,   -- for queues and shelves
    topic_seq   INTEGER NOT NULL DEFAULT 0    -- numbers the publishes to topics
);

CREATE TABLE world_name(
    name  TEXT PRIMARY KEY,                   -- what a dialect calls it
    world INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE queue(
    world    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    shelf    INTEGER NOT NULL,                -- stands in msg.queue
    policy   TEXT    NOT NULL,
    settings BLOB    NOT NULL,
    created  INTEGER NOT NULL,
    removed  INTEGER NOT NULL,                -- 0, or when: a tombstone
    version  INTEGER NOT NULL,
    PRIMARY KEY(world, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX queue_name ON queue(world, name) WHERE removed = 0;
CREATE INDEX queue_version ON queue(world, version);
CREATE INDEX queue_removed ON queue(removed) WHERE removed > 0;

CREATE TABLE old_shelf(                       -- shelves no queue uses, still to be emptied
    world INTEGER NOT NULL,
    shelf INTEGER NOT NULL,
    PRIMARY KEY(world, shelf)
) WITHOUT ROWID;

-- state: 0 ready, 1 reserved, 2 delayed, 3 deleted but readable, 4 being pushed
CREATE TABLE msg(
    id       INTEGER PRIMARY KEY,
    world    INTEGER NOT NULL,
    queue    INTEGER NOT NULL,                -- the shelf
    state    INTEGER NOT NULL,
    pos      INTEGER NOT NULL,                -- since when it is available, encoded like an id
    due      INTEGER NOT NULL,                -- when a reserved or delayed one becomes ready
    expires  INTEGER NOT NULL,
    timeout  INTEGER NOT NULL,
    lease    INTEGER NOT NULL DEFAULT 0,      -- how long the present reservation was made for
    rcount   INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    body     INTEGER NOT NULL,
    origin   INTEGER NOT NULL,                -- the id given at publish, the same in all copies
    tag      TEXT,
    grp      TEXT,
    head     INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX msg_ready ON msg(world, queue, pos) WHERE state = 0;
CREATE INDEX msg_held  ON msg(world, queue, due) WHERE state IN (1, 2);
CREATE INDEX msg_exp   ON msg(expires);
CREATE INDEX msg_tag   ON msg(world, queue, tag, pos) WHERE state = 0 AND tag IS NOT NULL;
CREATE INDEX msg_group ON msg(world, queue, grp, pos) WHERE grp IS NOT NULL;
CREATE INDEX msg_head  ON msg(world, queue, pos) WHERE state = 0 AND head = 1;

CREATE TABLE body(                            -- apart from msg: reserving does not copy it
    id    INTEGER PRIMARY KEY,
    world INTEGER NOT NULL,
    refs  INTEGER NOT NULL,                   -- messages that share it
    props BLOB,
    data  BLOB    NOT NULL
);

CREATE TABLE qstat(                           -- a row a gateway: exact, and no row is hot
    world INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    slot  INTEGER NOT NULL,
    n     INTEGER NOT NULL,                   -- messages there: ready, reserved, delayed
    total INTEGER NOT NULL,                   -- messages ever posted
    PRIMARY KEY(world, queue, slot)
) WITHOUT ROWID;

CREATE TABLE gateway(
    slot  INTEGER PRIMARY KEY,
    owner TEXT    NOT NULL,
    lease INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    high  INTEGER NOT NULL                    -- no id above this one has been given out
);

CREATE TABLE exchange(
    world    INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    removed  INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    PRIMARY KEY(world, name)
) WITHOUT ROWID;

CREATE TABLE binding(
    world    INTEGER NOT NULL,
    exchange TEXT    NOT NULL,
    queue    INTEGER NOT NULL,                -- queue.number
    key      TEXT    NOT NULL,
    removed  INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    PRIMARY KEY(world, exchange, queue, key)
) WITHOUT ROWID;

CREATE TABLE consumer_group(
    world      INTEGER NOT NULL,
    topic      INTEGER NOT NULL,              -- queue.number of the topic's log
    name       TEXT    NOT NULL,
    queue      INTEGER NOT NULL,              -- queue.number of what it consumes from
    live       INTEGER NOT NULL,              -- 0 while it catches up with the log
    cursor_pos INTEGER NOT NULL,
    cursor_id  INTEGER NOT NULL,
    polled_at  INTEGER NOT NULL,
    removed    INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    PRIMARY KEY(world, topic, name)
) WITHOUT ROWID;

CREATE TABLE alert(
    world     INTEGER NOT NULL,
    queue     INTEGER NOT NULL,               -- queue.number
    id        INTEGER NOT NULL,
    type      TEXT    NOT NULL,
    direction TEXT    NOT NULL,
    threshold INTEGER NOT NULL,
    target    TEXT    NOT NULL,
    snooze    INTEGER NOT NULL,
    fired_at  INTEGER NOT NULL,
    removed   INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    PRIMARY KEY(world, queue, id)
) WITHOUT ROWID;

CREATE TABLE push(
    world      INTEGER NOT NULL,
    queue      INTEGER NOT NULL,              -- the shelf, as in msg
    message    INTEGER NOT NULL,
    subscriber INTEGER NOT NULL,
    url        TEXT    NOT NULL,
    headers    BLOB,                          -- as they were when the message came
    tries      INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    status     INTEGER NOT NULL,
    code       INTEGER NOT NULL,
    claim      INTEGER NOT NULL,
    PRIMARY KEY(world, queue, message, subscriber)
) WITHOUT ROWID;
CREATE INDEX push_due ON push(next_at) WHERE status < 3;

CREATE TABLE topic_value(
    world        INTEGER NOT NULL,
    topic        TEXT    NOT NULL,
    latest_seq   INTEGER NOT NULL,
    latest       BLOB,
    retained_seq INTEGER NOT NULL,
    retained     BLOB,
    version      INTEGER NOT NULL,
    PRIMARY KEY(world, topic)
) WITHOUT ROWID;
CREATE INDEX topic_seq ON topic_value(world, latest_seq);
