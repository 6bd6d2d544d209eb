-- expand: somebody asked somebody to reconnect, with a link of a lifetime of its own.
ALTER TABLE notices ADD COLUMN asked_by text;
ALTER TABLE notices ADD COLUMN link_lifetime_seconds int;
