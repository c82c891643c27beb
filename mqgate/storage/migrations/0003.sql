-- Bytes of messages, counted only where a limit asks for it (mqgate/storage/sqlite/metering.py).
ALTER TABLE qstat ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
