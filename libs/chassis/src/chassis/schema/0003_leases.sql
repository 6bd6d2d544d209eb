-- `token` grows with every holder and never falls, so rows are not deleted; `until` is by the database's clock.
CREATE TABLE leases (name text PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL, until timestamptz NOT NULL);
