-- An entry that left the provider keeps its row, so that its end can be said again as well: a record of it that came
-- late to the topic would otherwise stay its last one.
ALTER TABLE entries ADD COLUMN gone boolean NOT NULL DEFAULT false;
