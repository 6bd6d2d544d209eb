-- expand: a connection may give way to another.

ALTER TABLE connections ADD COLUMN replaced_by_connection_id text REFERENCES connections;
-- A connection has one successor, however many people change it at once.
CREATE UNIQUE INDEX connections_one_successor ON connections (replaces_connection_id)
    WHERE replaces_connection_id IS NOT NULL;
-- Who else is on the way to the same connection.
CREATE INDEX attempts_of_a_connection ON attempts (connection_id) WHERE status IN ('started', 'returned');
