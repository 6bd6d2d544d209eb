"""Every metric of this service, with how to read it and what to do. No business or connection is ever a label."""

from typing import Final

from prometheus_client import Counter, Histogram

# Outcomes: completed; waits (a provider's limit, or a token being checked: normal in small numbers); to_be_repeated
# (see `sync.to_be_repeated` in the log: an outage of a provider or of connection-svc); failed (the connection's owner
# has to act, or five attempts were not enough).
runs: Final = Counter("sync_runs_total", "Attempts at reading a connection's lists, by outcome", ["outcome"])

# From the first call to the commit. Grows with the customers' lists; a jump for all is a slow provider.
run_seconds: Final = Histogram("sync_run_seconds", "Runs that completed", buckets=(1, 2, 5, 10, 30, 60, 300))
