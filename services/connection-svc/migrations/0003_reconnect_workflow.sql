-- expand: repairs, the links that start them, and reports that a connection may be broken.

CREATE TABLE reconnect_cases (
    id            text        PRIMARY KEY,
    business_id   text        NOT NULL,
    connection_id text        NOT NULL REFERENCES connections,
    generation    integer     NOT NULL,
    reason        text        NOT NULL,
    opened_at     timestamptz NOT NULL,
    stage         text        NOT NULL,
    remind_at     timestamptz,
    closed_at     timestamptz,
    outcome       text
);
CREATE UNIQUE INDEX reconnect_cases_one_open ON reconnect_cases (connection_id) WHERE closed_at IS NULL;
CREATE INDEX reconnect_cases_reminded ON reconnect_cases (remind_at) WHERE remind_at IS NOT NULL;

CREATE TABLE reconnect_links (
    token_hash    bytea       PRIMARY KEY,
    business_id   text        NOT NULL,
    connection_id text        NOT NULL REFERENCES connections,
    case_id       text        NOT NULL REFERENCES reconnect_cases,
    generation    integer     NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz
);

CREATE TABLE connection_checks (
    connection_id text        PRIMARY KEY REFERENCES connections,
    business_id   text        NOT NULL,
    reported_by   text        NOT NULL,
    reported_at   timestamptz NOT NULL,
    due_at        timestamptz NOT NULL
);
CREATE INDEX connection_checks_due ON connection_checks (due_at);
