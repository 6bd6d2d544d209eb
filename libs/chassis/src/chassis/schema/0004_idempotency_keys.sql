-- The answer to a POST, kept 24 hours with its caller, its route and its key.
CREATE TABLE idempotency_keys (
    caller      text,
    route       text,
    key         text,
    body_sha256 bytea NOT NULL,
    begun_at    timestamptz NOT NULL DEFAULT now(),
    in_effect   boolean NOT NULL DEFAULT false,  -- set inside the request's own transaction, so a lost answer is known
    status      smallint,                        -- null: still running, or its process died
    headers     jsonb,
    body        bytea,
    PRIMARY KEY (caller, route, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (begun_at);
