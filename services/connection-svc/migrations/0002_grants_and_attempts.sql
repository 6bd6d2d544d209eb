-- expand: tokens and the journeys that bring them. Every secret is sealed under a data key of its row (`wrapped_key`),
-- which is itself sealed under the key of the ring that `key_id` names.

CREATE TABLE grants (
    connection_id       text        PRIMARY KEY REFERENCES connections,
    business_id         text        NOT NULL,
    version             bigint      NOT NULL,
    key_id              text        NOT NULL,
    wrapped_key         bytea       NOT NULL,
    access_token        bytea       NOT NULL,
    refresh_token       bytea       NOT NULL,
    access_expires_at   timestamptz NOT NULL,
    refresh_expires_at  timestamptz,
    scopes              text[]      NOT NULL,
    authorisation_event text,
    obtained_at         timestamptz NOT NULL,
    idle_refresh_at     timestamptz NOT NULL,
    failed_refreshes    integer     NOT NULL DEFAULT 0,
    unsettled_since     timestamptz,
    forced_at           timestamptz,
    -- The database's clock, unlike all above: the lease of a running refresh, its fencing number, and the back-off.
    lease               bigint      NOT NULL DEFAULT 0,
    leased_until        timestamptz NOT NULL DEFAULT 'epoch',
    backing_off_until   timestamptz NOT NULL DEFAULT 'epoch'
);
CREATE INDEX grants_idle ON grants (idle_refresh_at);

CREATE TABLE attempts (
    id            text        PRIMARY KEY,
    business_id   text        NOT NULL,
    connection_id text        NOT NULL REFERENCES connections,
    provider      text        NOT NULL,
    intent        text        NOT NULL,
    channel       text        NOT NULL,
    return_to     text        NOT NULL,
    started_by    text        NOT NULL,
    binding_hash  bytea       NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    status        text        NOT NULL
        CHECK (status IN ('started', 'returned', 'activated', 'failed', 'cancelled', 'timed_out')),
    problem       text,
    state_hash    bytea       UNIQUE,
    browser_hash  bytea,
    state_used_at timestamptz,
    offered       jsonb       NOT NULL,
    revision      bigint      NOT NULL,
    key_id        text,
    wrapped_key   bytea,
    verifier      bytea
);
CREATE INDEX attempts_open ON attempts (expires_at) WHERE status IN ('started', 'returned');

-- What a login brought, until its organisation is chosen or the attempt ends.
CREATE TABLE attempt_grants (
    attempt_id          text        PRIMARY KEY REFERENCES attempts,
    business_id         text        NOT NULL,
    key_id              text        NOT NULL,
    wrapped_key         bytea       NOT NULL,
    access_token        bytea       NOT NULL,
    refresh_token       bytea       NOT NULL,
    access_expires_at   timestamptz NOT NULL,
    refresh_expires_at  timestamptz,
    scopes              text[]      NOT NULL,
    authorisation_event text,
    obtained_at         timestamptz NOT NULL,
    idle_refresh_at     timestamptz NOT NULL
);
