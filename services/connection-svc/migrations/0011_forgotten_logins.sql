-- expand: logins and links that are long over are found without a look at the others, and a login's link with it.

CREATE INDEX attempts_over ON attempts (expires_at) WHERE status NOT IN ('started', 'returned');
CREATE INDEX reconnect_links_by_end ON reconnect_links (expires_at);
CREATE INDEX reconnect_links_of_a_login ON reconnect_links (attempt_id) WHERE attempt_id IS NOT NULL;
