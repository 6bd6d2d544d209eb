-- expand: access of connections that have ended, which the provider has not taken back yet. Their tokens stay until then.

CREATE TABLE access_returns (
    connection_id text        PRIMARY KEY REFERENCES connections,
    business_id   text        NOT NULL,
    since         timestamptz NOT NULL,
    due_at        timestamptz NOT NULL,
    failures      integer     NOT NULL
);
CREATE INDEX access_returns_due ON access_returns (due_at);
