CREATE TABLE leases (
    name   text PRIMARY KEY,
    holder text NOT NULL,
    token  bigint NOT NULL,       -- grows with every holder and never falls: rows are not deleted
    until  timestamptz NOT NULL   -- the database's clock
);
