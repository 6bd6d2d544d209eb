"""Every metric of the chassis, with how to read it and what to do. No business, user or entity is ever a label."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

# Consuming. Outcomes: handled; duplicate (the inbox knew the event: expected after restarts, look at rebalances when
# it stays above 1 %); unknown_type (a newer producer speaks: deploy the consumer that knows it); dead_lettered.
events: Final = Counter("events_total", "Records taken from Kafka, by outcome", ["consumer", "topic", "outcome"])

# Time inside the handler and its transaction. A rising p99 with an idle database is lock contention on one entity.
handling_seconds: Final = Histogram("event_handling_seconds", "One event's transaction", ["consumer", "type"])

# Codes: not_json, no_envelope, no_key, no_id, data_invalid, too_large, not_yet_known, unexpected. Any growth needs a
# person: `relink dlq summary`. `unexpected` is a bug of ours or of a release just deployed.
dead_letters: Final = Counter("dead_letters_total", "Records put aside", ["consumer", "code"])

# Records that could not be put aside either. Their partition stands still: is the dead-letter topic there?
dead_letter_failures: Final = Counter(
    "dead_letter_failures_total", "Failed attempts to put a record aside", ["consumer"]
)

# 1 after five handler failures in a row on one partition: nothing is taken any more and the process is not ready.
# Roll the release back, or mend and restart; the five are in the dead letters.
consumer_stopped: Final = Gauge("consumer_stopped", "1 while the consumer refuses to go on", ["consumer"])

# Age of the last record handled of each partition, when it was. Alert on minutes, never on a number of records.
consumer_lag_seconds: Final = Gauge(
    "consumer_lag_seconds", "How far behind the last finished batch was", ["consumer", "topic", "partition"]
)

# Times a partition was sought back and paused because the database, or the dead-letter topic, did not answer.
partition_pauses: Final = Counter("partition_pauses_total", "Partitions sent back to wait", ["consumer"])

# Age of the oldest event not yet in Kafka. Seconds are normal; a minute means that broker, topic or relay is away:
# see `relay.waiting` in the log.
outbox_oldest_seconds: Final = Gauge("outbox_oldest_seconds", "Age of the oldest event not yet sent")

relayed: Final = Counter("outbox_relayed_total", "Events confirmed by Kafka and deleted from the outbox")

# Producers thrown away after an error. One per broker restart is normal; a steady rate is a topic that refuses.
producers_discarded: Final = Counter("producers_discarded_total", "Kafka producers given up after an error")

# Steps of background loops. Outcomes: worked, idle, waiting (an outage), failed (a bug: see the log's `loop.failed`).
loop_steps: Final = Counter("loop_steps_total", "Steps of background loops, by outcome", ["loop", "outcome"])

# Requests by route template. 5xx are ours; 503 with an outage of the database is expected and passes.
http_requests: Final = Counter("http_requests_total", "HTTP requests", ["method", "route", "status"])
http_seconds: Final = Histogram(
    "http_request_seconds", "HTTP requests from first byte in to last out", ["method", "route"]
)
