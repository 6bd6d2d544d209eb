CREATE TABLE things (
    id   text PRIMARY KEY,
    seen bigint[] NOT NULL DEFAULT '{}'
);
