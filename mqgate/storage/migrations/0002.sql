-- What makes a message cheap: its body in its own row, and one note for many deleted messages.

-- A small body that no other message shares: msg.body is 0 then, and there is no row in body.
ALTER TABLE msg ADD COLUMN props BLOB;
ALTER TABLE msg ADD COLUMN data BLOB;

CREATE TABLE remembered(                      -- messages deleted but readable, to be removed later
    until INTEGER NOT NULL,                   -- none of them is readable any more
    n     INTEGER NOT NULL,
    ids   TEXT    NOT NULL                    -- a JSON array of n ids
);
CREATE INDEX remembered_until ON remembered(until);
INSERT INTO remembered(until, n, ids)
    SELECT max(expires), count(*), '[' || group_concat(id) || ']'
    FROM (SELECT id, expires, row_number() OVER (ORDER BY expires) / 500 AS part
        FROM msg WHERE state = 3)
    GROUP BY part;

-- They are found through that table, so they need no entry of their own here.
DROP INDEX msg_exp;
CREATE INDEX msg_exp ON msg(expires) WHERE state <> 3;
