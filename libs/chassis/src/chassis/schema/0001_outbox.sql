-- What waits to be sent. The columns are those that Debezium's EventRouter expects; a null payload is a tombstone.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    aggregate_seq bigint NOT NULL,
    type text NOT NULL,
    topic text NOT NULL,
    shard smallint NOT NULL,
    payload bytea,
    headers jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (aggregatetype, aggregateid, aggregate_seq)
)
-- A queue is nearly empty and always churning: the default of 20 % of the table never fits it.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX outbox_by_shard ON outbox (shard, id);

-- The last number given to each entity. Its row lock, held until commit, makes outbox ids agree with sequences.
CREATE TABLE outbox_sequences (
    aggregatetype text, aggregateid text, last bigint NOT NULL, PRIMARY KEY (aggregatetype, aggregateid)
) WITH (fillfactor = 70);
