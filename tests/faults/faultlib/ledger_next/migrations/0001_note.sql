-- Expand: the old release writes no note and never asks for one.
ALTER TABLE ledger ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE ledger ADD CONSTRAINT note_is_short CHECK (length(note) < 1000) NOT VALID;
CREATE TABLE monthly (month date PRIMARY KEY, entries bigint NOT NULL);
INSERT INTO monthly SELECT date_trunc('month', at), count(*) FROM archive GROUP BY 1;
