-- Exchanges and bindings are looked up by what changed them, by queue, and by when they were removed.

CREATE INDEX exchange_version ON exchange(world, version);
CREATE INDEX binding_version ON binding(world, version);
CREATE INDEX binding_queue ON binding(world, queue);
CREATE INDEX binding_removed ON binding(removed) WHERE removed > 0;
