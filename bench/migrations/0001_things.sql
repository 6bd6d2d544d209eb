-- The business that benchmarks do: a row for each thing.
CREATE TABLE things (id text PRIMARY KEY, number bigint NOT NULL, note text NOT NULL DEFAULT '');
