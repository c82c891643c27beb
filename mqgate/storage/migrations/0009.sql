-- A message that lives for hours begins young: the index of expiries gets it when it has grown old,
-- which few do. Those that are there already are in it, and stay.

ALTER TABLE msg ADD COLUMN aged INTEGER NOT NULL DEFAULT 1;
DROP INDEX msg_exp;
CREATE INDEX msg_exp ON msg(expires) WHERE state <> 3 AND aged = 1;

CREATE TABLE aging(
    upto INTEGER NOT NULL                     -- no message with such an id or a lower one is young
);
INSERT INTO aging(upto) SELECT coalesce(max(id), 0) FROM msg;
