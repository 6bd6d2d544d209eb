ALTER TABLE ledger VALIDATE CONSTRAINT note_is_short;
ALTER TABLE archive ADD COLUMN weight int;
UPDATE archive SET weight = length(account) WHERE id % 3 = 0;
