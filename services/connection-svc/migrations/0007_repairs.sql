-- expand: snoozed and asked-for repairs, links that people make, and who may be asked.

ALTER TABLE reconnect_cases ADD COLUMN snoozed_until timestamptz;
ALTER TABLE reconnect_cases ADD COLUMN asked_at timestamptz;

-- A link may be sent while the connection still works: then there is no case.
ALTER TABLE reconnect_links ALTER COLUMN case_id DROP NOT NULL;
ALTER TABLE reconnect_links ADD COLUMN made_by text;

-- What we know of the identity system's memberships. A row keeps the sequence of the record that it comes from, also
-- after the person left: a record with a lower one says nothing any more.
CREATE TABLE memberships (
    business_id       text,
    user_id           text,
    roles             text[]  NOT NULL,
    linked_accountant boolean NOT NULL,
    gone              boolean NOT NULL DEFAULT false,
    sequence          bigint  NOT NULL,
    PRIMARY KEY (business_id, user_id)
);
