-- Topic values: how many topics a world has, since when those without a retained value are kept, and
-- the retained values by number. One that was removed keeps the number of its removal.

ALTER TABLE world ADD COLUMN topics INTEGER NOT NULL DEFAULT 0;
ALTER TABLE world ADD COLUMN topic_floor INTEGER NOT NULL DEFAULT 0;
CREATE INDEX topic_retained ON topic_value(world, retained_seq) WHERE retained_seq > 0;
