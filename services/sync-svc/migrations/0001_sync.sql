-- Our picture of what others own. Rows are never deleted: a connection that is gone keeps its last sequence, so that
-- an old record that comes late cannot bring it back.
CREATE TABLE connections (
    id          text PRIMARY KEY,
    business_id text NOT NULL,
    provider    text,             -- null until a record names it
    lifecycle   text NOT NULL,
    generation  int NOT NULL,
    sequence    bigint NOT NULL
);

CREATE TABLE providers (
    name     text PRIMARY KEY,
    health   text NOT NULL,
    sequence bigint NOT NULL
);

CREATE TABLE schedules (
    connection_id    text PRIMARY KEY,
    business_id      text NOT NULL,
    due_at           timestamptz NOT NULL,
    asked_generation int NOT NULL,      -- the newest consent under which lists were asked for
    open_sync_id     text,              -- asked for and not ended yet
    asked_at         timestamptz,
    completed_at     timestamptz,
    revision         int NOT NULL
);

CREATE INDEX schedules_by_due_at ON schedules (due_at);

CREATE TABLE runs (
    id            text PRIMARY KEY,
    business_id   text NOT NULL,
    connection_id text NOT NULL,
    generation    int NOT NULL,
    trigger       text NOT NULL,
    lists         text[] NOT NULL,      -- empty: all that the provider has
    state         text NOT NULL,
    attempts      int NOT NULL,
    requested_at  timestamptz NOT NULL,
    due_at        timestamptz NOT NULL, -- while waiting: when to begin; while running: when to look after it
    ended_at      timestamptz,
    code          text,
    blames        text,
    result        jsonb,
    revision      int NOT NULL
);

CREATE INDEX runs_to_do ON runs (due_at) WHERE state IN ('waiting', 'running');
CREATE INDEX runs_of_connection ON runs (connection_id, requested_at DESC);

CREATE TABLE lists (
    connection_id   text,
    list            text,
    business_id     text NOT NULL,
    version         int NOT NULL,
    total           int NOT NULL,
    generation      int NOT NULL,         -- the consent it was last read under
    read_at         timestamptz NOT NULL, -- when its last reading began
    read_in_full_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, list)
);

-- The last content of each entry, as it was said: addresses and tax numbers only as keyed hashes.
CREATE TABLE entries (
    connection_id text,
    list          text,
    external_id   text,
    business_id   text NOT NULL,
    list_version  int NOT NULL,
    fingerprint   bytea NOT NULL,
    content       jsonb NOT NULL,
    PRIMARY KEY (connection_id, list, external_id)
);
