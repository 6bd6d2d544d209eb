-- The answer to a POST, kept 24 hours with its caller, its route and its key. `in_effect` is set inside the request's
-- own transactions, so that a lost answer is known; `status` is null while it runs, or when its process died.
CREATE TABLE idempotency_keys (
    caller text, route text, key text, PRIMARY KEY (caller, route, key),
    body_sha256 bytea NOT NULL, begun_at timestamptz NOT NULL DEFAULT now(), in_effect boolean NOT NULL DEFAULT false,
    status smallint, headers jsonb, body bytea
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (begun_at);
