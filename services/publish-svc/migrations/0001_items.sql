-- Our pictures of connections, each with the lane of its items.
-- Whoever changes an item of a lane locks this row first: places, order and the gate hang on it.
CREATE TABLE connections (
    id text PRIMARY KEY,
    business_id text NOT NULL,
    sequence bigint NOT NULL,
    lifecycle text NOT NULL,
    generation int NOT NULL,
    provider text,
    destination text,
    gate text NOT NULL CHECK (gate IN ('open', 'closed', 'waiting_for_lists', 'canary')),
    hold_reason text CHECK ((gate = 'open') = (hold_reason IS NULL)),
    gate_until timestamptz,
    closed_generation int NOT NULL,
    synced_generation int NOT NULL,
    expiry_told_generation int NOT NULL,
    outages_in_row int NOT NULL,
    release_id text,
    last_position bigint NOT NULL,
    -- When a worker should look at the lane: '-infinity' at once, null when it rests until something changes.
    due_at timestamptz DEFAULT '-infinity',
    revision int NOT NULL
);

CREATE INDEX connections_due ON connections (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX connections_of_provider ON connections (provider);

CREATE TABLE items (
    id text PRIMARY KEY,
    business_id text NOT NULL,
    external_id text NOT NULL,
    connection_id text NOT NULL REFERENCES connections (id),
    bill jsonb NOT NULL,
    document jsonb NOT NULL,
    status text NOT NULL CHECK (status IN (
        'review', 'ready', 'queued', 'held', 'publishing', 'uncertain', 'failed', 'published', 'archived')),
    reason text,
    failure jsonb,
    publication int NOT NULL,
    attempts int NOT NULL,
    retries int NOT NULL,
    position bigint,
    not_before timestamptz,
    requested_by text,
    held_at timestamptz,
    release_id text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision int NOT NULL,
    UNIQUE (business_id, external_id),
    CHECK (position IS NOT NULL OR status IN ('review', 'ready', 'archived'))
);

CREATE UNIQUE INDEX items_lane ON items (connection_id, position)
    WHERE status IN ('queued', 'held', 'publishing', 'uncertain');
CREATE INDEX items_newest ON items (business_id, id);
CREATE INDEX items_by_status ON items (business_id, status, id);
CREATE INDEX items_of_release ON items (release_id) WHERE release_id IS NOT NULL;

-- Every status an item ever had.
CREATE TABLE item_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id text NOT NULL REFERENCES items (id),
    status text NOT NULL,
    reason text,
    at timestamptz NOT NULL
);

CREATE INDEX item_changes_of_item ON item_changes (item_id, id);

-- What each item was meant to become: the exact bill while a write of it may have had an effect, and the receipt.
CREATE TABLE publications (
    item_id text NOT NULL REFERENCES items (id),
    number int NOT NULL,
    refusals int NOT NULL,
    bill jsonb,
    key text CHECK ((bill IS NULL) = (key IS NULL)),
    organisation_id text,
    provider_reference text,
    provider_url text,
    PRIMARY KEY (item_id, number)
);

-- The ledger: a row is committed before its write is sent.
CREATE TABLE attempts (
    item_id text NOT NULL REFERENCES items (id),
    number int NOT NULL,
    publication int NOT NULL,
    lease_token bigint NOT NULL,
    started_at timestamptz NOT NULL,
    look_after timestamptz,
    outcome text,
    detail text,
    finished_at timestamptz,
    PRIMARY KEY (item_id, number)
);

CREATE TABLE releases (
    id text PRIMARY KEY,
    business_id text NOT NULL,
    connection_id text NOT NULL REFERENCES connections (id),
    trigger text NOT NULL,
    waiting int NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    published int,
    failed int,
    excluded int
);

CREATE INDEX releases_of_connection ON releases (connection_id, id);

-- The last health we heard of each provider.
CREATE TABLE providers (
    name text PRIMARY KEY,
    sequence bigint NOT NULL,
    health text NOT NULL
);
