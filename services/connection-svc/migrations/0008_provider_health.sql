-- expand: how each provider does, and the failures that tell.

-- One row for each connection that ever failed for its provider's sake: `failures` since `first_at` without a pause as
-- long as the window of the judgement.
CREATE TABLE provider_failures (
    connection_id text        PRIMARY KEY REFERENCES connections,
    business_id   text        NOT NULL,
    provider      text        NOT NULL,
    symptom       text        NOT NULL,
    failures      integer     NOT NULL,
    first_at      timestamptz NOT NULL,
    latest_at     timestamptz NOT NULL
);
CREATE INDEX provider_failures_latest ON provider_failures (provider, latest_at);

CREATE TABLE provider_health (
    provider text        PRIMARY KEY,
    health   text        NOT NULL CHECK (health IN ('ok', 'degraded')),
    since    timestamptz NOT NULL,
    symptom  text
);
