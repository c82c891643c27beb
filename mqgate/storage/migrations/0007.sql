-- Topics with consumer groups. In msg, state 5 is a row of a topic's log: nobody takes it, groups
-- are fed from it. In a group's queue every message has a key (grp; '' where none was given), and
-- the lowest ready row of a key is its head if and only if none of the key is reserved.

CREATE TABLE secret(                          -- made at the first start
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Is anything of a key reserved, and which of its ready rows comes first? No message had a key.
DROP INDEX msg_group;
CREATE INDEX msg_group ON msg(world, queue, grp, state, pos)
    WHERE grp IS NOT NULL AND state IN (0, 1);
CREATE INDEX msg_group_tag ON msg(world, queue, grp, tag, pos)
    WHERE state = 0 AND grp IS NOT NULL AND tag IS NOT NULL;
CREATE UNIQUE INDEX msg_head_of ON msg(world, queue, grp) WHERE state = 0 AND head = 1;
CREATE INDEX msg_log ON msg(world, queue, pos) WHERE state = 5;
