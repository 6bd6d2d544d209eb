-- What list-svc knows of other services' entities. A row keeps the sequence of the record it comes from, also after
-- the entity is gone: a record with a lower one says nothing any more.
CREATE TABLE connections (
    connection_id text PRIMARY KEY,
    business_id   text NOT NULL,
    lifecycle     text NOT NULL,
    gone          boolean NOT NULL DEFAULT false,
    sequence      bigint NOT NULL
);

CREATE TABLE entries (
    connection_id   text,
    list            text,
    external_id     text,
    business_id     text NOT NULL,
    parent_id       text,
    name            text NOT NULL,
    code            text,
    type            text,
    tax_treatment   text,
    valid_tax_rates text[],
    active          boolean NOT NULL,
    list_version    bigint NOT NULL,
    gone            boolean NOT NULL DEFAULT false,
    sequence        bigint NOT NULL,
    PRIMARY KEY (connection_id, list, external_id)
);

CREATE INDEX entries_by_name ON entries (connection_id, list, name, external_id) WHERE NOT gone;

-- The last synchronisation of each list. `said` is the number of entries that were added or updated by it.
CREATE TABLE list_runs (
    connection_id text,
    list          text,
    business_id   text NOT NULL,
    list_version  bigint NOT NULL,
    total         int NOT NULL,
    said          int NOT NULL,
    added         int NOT NULL,
    updated       int NOT NULL,
    removed       int NOT NULL,
    completed_at  timestamptz NOT NULL,
    PRIMARY KEY (connection_id, list)
);

-- Ours. A deleted rule stays, so that its end can be said again.
CREATE TABLE rules (
    rule_id       text PRIMARY KEY,
    business_id   text NOT NULL,
    kind          text NOT NULL,
    operator      text NOT NULL,
    match_text    text NOT NULL,
    connection_id text NOT NULL,
    coding        jsonb NOT NULL,  -- external ids by list
    auto_publish  boolean NOT NULL,
    state         text NOT NULL,
    merge_id      text,
    revision      int NOT NULL,
    changed_by    text NOT NULL,
    changed_at    timestamptz NOT NULL,
    deleted       boolean NOT NULL DEFAULT false
);

CREATE INDEX rules_of_business ON rules (business_id, rule_id) WHERE NOT deleted;
CREATE UNIQUE INDEX rules_match_once ON rules (business_id, connection_id, kind, operator, lower(match_text))
    WHERE NOT deleted;

-- When all rules were last said again.
CREATE TABLE rules_said_again (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    at  timestamptz NOT NULL
);
