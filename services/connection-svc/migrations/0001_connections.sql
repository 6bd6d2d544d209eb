-- expand: everything a connection is, apart from its tokens.

CREATE TABLE connections (
    id                     text        PRIMARY KEY,
    business_id            text        NOT NULL,
    provider               text        NOT NULL,
    lifecycle              text        NOT NULL
        CHECK (lifecycle IN ('pending', 'active', 'expired', 'revoked', 'disconnected', 'replaced')),
    generation             integer     NOT NULL,
    organisation_id        text,
    organisation_name      text,
    scopes                 text[]      NOT NULL,
    connected_at           timestamptz,
    consent_expires_at     timestamptz,
    warned_stage           integer,
    watch_at               timestamptz,
    ended_at               timestamptz,
    expiry_reason          text,
    replaces_connection_id text        REFERENCES connections,
    created_at             timestamptz NOT NULL,
    revision               bigint      NOT NULL
);
CREATE INDEX connections_of_a_business ON connections (business_id, id);
-- The yearly clock reads this alone: its cost does not grow with the connections that are not due.
CREATE INDEX connections_watched ON connections (watch_at) WHERE watch_at IS NOT NULL;
-- One organisation is reached by one living connection, whoever's it is.
CREATE UNIQUE INDEX connections_one_per_organisation ON connections (provider, organisation_id)
    WHERE lifecycle IN ('active', 'expired', 'revoked');

-- A table of its own, so that nothing that saves a connection can touch a setting.
CREATE TABLE connection_settings (
    connection_id           text        PRIMARY KEY REFERENCES connections,
    business_id             text        NOT NULL,
    version                 integer     NOT NULL,
    warn_new_supplier       boolean     NOT NULL,
    always_ask_organisation boolean     NOT NULL,
    auto_publish            boolean     NOT NULL,
    default_destination     text,
    changed                 text[]      NOT NULL,
    changed_by              text        NOT NULL,
    changed_at              timestamptz NOT NULL
);

CREATE TABLE connection_history (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text        NOT NULL REFERENCES connections,
    business_id   text        NOT NULL,
    at            timestamptz NOT NULL,
    what          text        NOT NULL,
    actor_type    text        NOT NULL,
    actor_id      text        NOT NULL,
    details       jsonb       NOT NULL
);
CREATE INDEX connection_history_of_a_connection ON connection_history (connection_id, id);
