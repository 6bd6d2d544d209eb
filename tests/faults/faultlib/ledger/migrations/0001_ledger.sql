-- The producer's side. A command is done once, whoever repeats it; each of its entries is one event.
CREATE TABLE commands (id uuid PRIMARY KEY);

CREATE TABLE accounts (id text PRIMARY KEY, entries bigint NOT NULL);

-- `number` counts an account's entries under the account's own row lock, taken after the event was said: an order that
-- owes nothing to the outbox's. Nothing here but `id` is unique: what is posted twice must be seen.
CREATE TABLE ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    command uuid NOT NULL,
    account text NOT NULL,
    number bigint NOT NULL,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- The consumer's side: one row for each time that its handler took effect, repeats and all.
CREATE TABLE effects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    account text NOT NULL,
    sequence bigint NOT NULL,
    worker text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX effects_by_event ON effects (event_id);
