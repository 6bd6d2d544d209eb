-- expand: how far ahead the calls of each organisation are booked, a time for each window of its provider's limits, and
-- until when the provider asked for none. All times are the database clock's.

CREATE TABLE call_budgets (
    provider        text          NOT NULL,
    organisation_id text          NOT NULL,
    booked_until    timestamptz[] NOT NULL,
    paused_until    timestamptz   NOT NULL DEFAULT 'epoch',
    PRIMARY KEY (provider, organisation_id)
);
