-- Browser sessions, and the sign-ins that lead to them. Cookies hold the ids; here are only their SHA-256.

CREATE TABLE sign_ins (
    id_hash    bytea PRIMARY KEY,
    state      text NOT NULL,
    nonce      text NOT NULL,
    verifier   text NOT NULL,
    return_to  text NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE sessions (
    id_hash    bytea PRIMARY KEY,
    user_id    text NOT NULL,
    opened_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX sign_ins_by_end ON sign_ins (expires_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);
