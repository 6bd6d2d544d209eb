-- What notifier-svc knows of other services' entities. A row keeps the sequence of the record it comes from, also
-- after the entity is gone: a record with a lower one says nothing any more.
CREATE TABLE memberships (
    business_id       text,
    user_id           text,
    roles             text[] NOT NULL,
    linked_accountant boolean NOT NULL,
    gone              boolean NOT NULL DEFAULT false,
    sequence          bigint NOT NULL,
    PRIMARY KEY (business_id, user_id)
);

-- Every connection event says the lifecycle, only some say provider and organisation: each part has its own sequence,
-- or an event that overtakes the state would leave the connection without a name.
CREATE TABLE connections (
    connection_id     text PRIMARY KEY,
    business_id       text NOT NULL,
    lifecycle         text NOT NULL,
    generation        int NOT NULL,
    gone              boolean NOT NULL DEFAULT false,
    sequence          bigint NOT NULL,
    provider          text,
    organisation_name text,
    named_sequence    bigint NOT NULL DEFAULT 0
);

-- Ours: one row for each person and channel that is told.
CREATE TABLE notices (
    notice_id       text PRIMARY KEY,
    business_id     text NOT NULL,
    connection_id   text NOT NULL,
    generation      int NOT NULL,
    stage           text NOT NULL,
    recipient       text NOT NULL,
    channel         text NOT NULL,
    state           text NOT NULL,
    reason          text,          -- why the connection ended, in the contract's words
    reconnect_id    text,          -- the case whose link a mail carries
    happened_at     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    read_at         timestamptz,
    attempts        int NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    correlation_id  text NOT NULL,
    causation_id    text NOT NULL,
    UNIQUE (business_id, connection_id, generation, stage, recipient, channel)
);

CREATE INDEX notices_due ON notices (next_attempt_at) WHERE state = 'due';
CREATE INDEX notices_of_person ON notices (business_id, recipient, notice_id DESC) WHERE channel = 'in_app';
