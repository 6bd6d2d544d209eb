"""Every metric of publish-svc beside the chassis' own, with how to read it and what to do."""

from typing import Final

from prometheus_client import Counter

# How attempts ended: published; refused (the item's own fault: normal); throttled (above a few a minute the call budget
# is wrong); unavailable (the provider struggles, or a file's place does); unknown (an answer was lost or a worker died:
# each is looked up by itself); token_rejected, connection_expired, connection_checking (see connection-svc).
attempts: Final = Counter("publish_attempts_total", "Attempts to publish an item, by how they ended", ["outcome"])

# Looks for documents that may or may not be there: found or not_found. They follow each unknown attempt after a minute
# or so; unknown attempts without looks mean that a lane stands still: see `lane.waiting` in the log.
look_ups: Final = Counter("publish_look_ups_total", "Looks for an uncertain document, by result", ["result"])

# Lanes taken over because a lease ran out under a living worker. One after a long pause of a machine is harmless, a
# steady rate means that the lease is shorter than the provider's calls: raise PUBLISHING__LEASE_SECONDS.
lanes_lost: Final = Counter("publish_lanes_lost_total", "Lanes lost to another worker in the middle of an item")
