-- Which events were handled. One partition for each day inside the events' own UUIDv7, so that a redelivery always
-- meets the partition of its first delivery, and an old day is dropped instead of deleted.
CREATE TABLE inbox (
    consumer text, source text, event_id uuid, received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, source, event_id)
) PARTITION BY RANGE (event_id);

-- Events older than the kept days (a service that was away, or reads a topic from its beginning), and those of a
-- producer whose clock is ahead.
CREATE TABLE inbox_other PARTITION OF inbox DEFAULT;

CREATE FUNCTION inbox_first_id(day date) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Makes the partitions from `keep` days ago to two days ahead and drops those whose rows were all received more than
-- `keep` days ago. It belongs to the migrator and runs with his rights: the service itself may only read and write.
CREATE FUNCTION inbox_keep_partitions(today date DEFAULT (now() AT TIME ZONE 'UTC')::date, keep int DEFAULT 7)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
DECLARE
    day date; part text; used boolean;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('inbox_keep_partitions')) THEN
        RETURN;  -- another replica is at it
    END IF;
    FOR day IN SELECT d::date FROM generate_series(today - keep, today + 2, interval '1 day') d LOOP
        part := 'inbox_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        -- Made aside and attached: CREATE TABLE … PARTITION OF would lock out every reader of the inbox.
        EXECUTE format('CREATE TABLE %I (LIKE inbox INCLUDING ALL)', part);
        EXECUTE format('WITH moved AS (DELETE FROM inbox_other WHERE event_id >= %L AND event_id < %L RETURNING *)
                        INSERT INTO %I SELECT * FROM moved', inbox_first_id(day), inbox_first_id(day + 1), part);
        EXECUTE format('ALTER TABLE inbox ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       part, inbox_first_id(day), inbox_first_id(day + 1));
    END LOOP;
    FOR part IN SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'inbox'::regclass
                   AND relname ~ '^inbox_\d{8}$' AND right(relname, 8)::date < today - keep LOOP
        -- An event of that day may have been handled much later than it was said.
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE received_at >= %L)', part, today - keep) INTO used;
        IF NOT used THEN
            EXECUTE format('DROP TABLE %I', part);
        END IF;
    END LOOP;
    DELETE FROM inbox_other WHERE received_at < today - keep;
END
$$;
SELECT inbox_keep_partitions();
