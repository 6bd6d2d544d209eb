-- expand: what a login lacked, the login that a link was used for, and when its holder asked for a new one.

ALTER TABLE attempts ADD COLUMN missing_permissions text[] NOT NULL DEFAULT '{}';

ALTER TABLE reconnect_links ADD COLUMN attempt_id text REFERENCES attempts ON DELETE SET NULL;
ALTER TABLE reconnect_links ADD COLUMN asked_at timestamptz;
