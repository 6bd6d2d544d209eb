"""Every metric of the chassis, with how to read it and what to do. No business, user or entity is ever a label."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

# Outcomes: handled; duplicate (the inbox knew the event: expected after restarts, look at rebalances when it stays
# above 1 %); unknown_type (a newer producer speaks: deploy the consumer that knows it).
events: Final = Counter("events_total", "Records settled, by outcome", ["consumer", "topic", "outcome"])
# A rising p99 while the database idles is lock contention on one entity.
handling_seconds: Final = Histogram("event_handling_seconds", "One event's transaction", ["consumer", "type"])
# Codes: not_json, no_envelope, no_key, no_id, data_invalid, too_large, not_yet_known, unexpected. Any growth needs a
# person: `relink dlq summary`. `unexpected` is a bug of ours or of a release just deployed.
dead_letters: Final = Counter("dead_letters_total", "Records put aside", ["consumer", "code"])
# The record could not be put aside either, so its partition stands still: is the dead-letter topic there?
dead_letter_failures: Final = Counter("dead_letter_failures_total", "Failures to put a record aside", ["consumer"])
# After five handler failures in a row on one partition nothing is taken any more and the process is not ready. Roll
# the release back, or mend and restart; the five are in the dead letters.
consumer_stopped: Final = Gauge("consumer_stopped", "1 while the consumer refuses to go on", ["consumer"])
# How old the last record of each partition was when it was settled. Alert on minutes, never on a number of records.
consumer_lag_seconds: Final = Gauge("consumer_lag_seconds", "Age when settled", ["group", "topic", "partition"])
# Database or dead-letter topic did not answer in time, so that a partition was sent back. Look there first.
partition_pauses: Final = Counter("partition_pauses_total", "Partitions sent back to wait", ["group"])
# Seconds are normal; a minute means that broker, topic or relay is away: see `relay.waiting` in the log.
outbox_oldest_seconds: Final = Gauge("outbox_oldest_seconds", "Age of the oldest event not yet sent")
relayed: Final = Counter("outbox_relayed_total", "Events confirmed by Kafka and deleted from the outbox")
# One per broker restart is normal; a steady rate is a topic that refuses.
producers_discarded: Final = Counter("producers_discarded_total", "Kafka producers given up after an error")
# Outcomes: worked, idle, waiting (an outage of the database or of what the step calls), failed (a bug: see the log).
loop_steps: Final = Counter("loop_steps_total", "Steps of background loops, by outcome", ["loop", "outcome"])
# By route template. 5xx are ours; 503 with an outage of the database is expected and passes.
http_requests: Final = Counter("http_requests_total", "HTTP requests", ["method", "route", "status"])
http_seconds: Final = Histogram("http_request_seconds", "HTTP requests, first byte to last", ["method", "route"])
