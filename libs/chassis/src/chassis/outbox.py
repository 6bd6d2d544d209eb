"""What a transaction says: rows that leave for Kafka if, and only if, it commits."""

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import count

from chassis import failpoints
from chassis.database import Tx
from chassis.observe import traceparent
from relink_contracts.envelope import Outgoing, to_record

SHARDS, CHANNEL = 16, "outbox"

# Ordered by entity, so that two transactions that say much about the same entities cannot lock each other out.
_NUMBER = """INSERT INTO outbox_sequences AS s (aggregatetype, aggregateid, last)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS said (kind, id, times) ORDER BY kind, id
    ON CONFLICT (aggregatetype, aggregateid) DO UPDATE SET last = s.last + excluded.last
    RETURNING aggregatetype, aggregateid, last"""
_INSERT = """WITH added AS (INSERT INTO outbox
    (event_id, aggregatetype, aggregateid, aggregate_seq, type, topic, shard, payload, headers)
    SELECT a, b, c, d, e, f, g, h, i FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[],
        $6::text[], $7::smallint[], $8::bytea[], $9::json[]) WITH ORDINALITY AS said (a, b, c, d, e, f, g, h, i, place)
    ORDER BY place) SELECT pg_notify($10, '')"""


async def add(tx: Tx, *outgoing: Outgoing) -> None:
    """Send these events if, and only if, the caller's transaction commits.

    Each takes its entity's next sequence number; from here to the commit nobody else can say anything about these
    entities, so numbers, row ids and order of commit agree. Returns before anything reaches Kafka. Events of one key
    leave in the order added; different keys may overtake. Raises RecordTooLarge for what no topic would take.
    """
    if not outgoing:
        return
    rows = []
    for event, sequence in zip(outgoing, await _next_sequences(tx, outgoing), strict=True):
        topic, key, value, headers = to_record(event, sequence)
        text = json.dumps({name: value.decode() for name, value in headers} | traceparent())
        what = (event.id, event.event.AGGREGATE, event.subject, sequence, event.event.TYPE)
        rows.append((*what, topic, shard_of(key), value, text))
    await tx.execute(_INSERT, *zip(*rows, strict=True), CHANNEL)
    failpoints.reach("outbox.added")


def shard_of(key: bytes) -> int:
    """Rows of one key are in one shard, which one relay at a time works on: that keeps their order."""
    return zlib.crc32(key) % SHARDS


async def _next_sequences(tx: Tx, outgoing: Sequence[Outgoing]) -> list[int]:
    entities = [(event.event.AGGREGATE, event.subject) for event in outgoing]
    times = Counter(entities)
    kinds, ids = zip(*times, strict=True)
    rows = await tx.fetch(_NUMBER, kinds, ids, list(times.values()))
    numbers = {(kind, entity): count(last - times[kind, entity] + 1) for kind, entity, last in rows}
    return [next(numbers[entity]) for entity in entities]
