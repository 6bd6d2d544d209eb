"""Every metric of this service, with how to read it and what to do. No business or connection is ever a label."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from connection_svc.domain.attempt import Attempt, AttemptStatus, Intent, Problem

# Outcomes: stored; outrun (newer tokens were there already: two refreshed at once, look at pauses of this process);
# refused (the provider's invalid_grant, whether believed yet or not); unavailable and throttled (the provider's
# trouble: nothing expires by them).
refreshes: Final = Counter("grant_refreshes_total", "Refreshes of tokens, by outcome", ["provider", "outcome"])

# All there are, by lifecycle. expired and revoked growing faster than reconnect_duration_seconds_count: nobody repairs.
connections: Final = Gauge("connections", "Connections", ["state", "provider"])

# Active connections whose consent ends within so many days: the repairs to come. A cohort shows here a month ahead.
expiring: Final = Gauge("connections_expiring", "Connections whose consent ends soon", ["days"])

# Reasons and detectors as in ConnectionExpired. consent_lapsed by clock is the year; a rise of grant_revoked over all
# connections of one provider is more likely our client's secret or an incident there than so many customers.
expired: Final = Counter("connections_expired_total", "Connections that expired", ["provider", "reason", "detected_by"])

# Results: activated, or the problem's name. provider_error rising for one provider is its outage.
attempts: Final = Counter(
    "connection_attempts_total", "Journeys to a provider's login that ended", ["provider", "result"]
)

# Of those the ones that wanted to reconnect. activated, over all results but denied, is how often a return succeeds.
reconnects: Final = Counter(
    "reconnect_attempts_total", "Journeys to reconnect a connection that ended", ["provider", "result"]
)

# Any growth needs a person at once: a row was damaged or moved (counted once, then it is in quarantine), or a key of
# the ring is missing from the settings (counted at each try). docs/runbooks/tokens-undecipherable.md
undecipherable: Final = Counter("undecipherable_secrets_total", "Sealed secrets that did not open", ["table"])

# Calls of organisations' budgets. refused: the budget was booked further ahead than the class may (sync gives way to
# publish, publish to a click); many of publish mean that the provider's limit bounds publishing.
permits: Final = Counter("call_permits_total", "Calls asked for, by outcome", ["provider", "class", "outcome"])

# 429s all the same. Rare; a steady rate means that somebody else uses our application, or that a limit has changed.
throttles: Final = Counter("provider_throttles_total", "Calls that a provider throttled", ["provider"])

# Stages as in ReconnectRequested. Many reminder_7_days of one provider: people try and fail; look at
# connection_attempts_total of that provider.
reminders: Final = Counter("reconnect_reminders_total", "Reminders of repairs nobody has made", ["provider", "stage"])

# From the expiry to the repair, by outcome: reconnected, changed, disconnected. Its count against
# connections_expired_total tells how many repairs are still open.
reconnect_duration: Final = Histogram(
    "reconnect_duration_seconds",
    "How long customers were without their connection",
    ["provider", "outcome"],
    buckets=(60, 600, 3_600, 14_400, 86_400, 3 * 86_400, 7 * 86_400, 30 * 86_400),
)

# 1 while we call the provider degraded: customers see a banner, items are held, nothing expires. Nothing to do here but
# to look at the provider's status page; it ends by itself. docs/runbooks/provider-down.md
degraded: Final = Gauge("provider_degraded", "Whether the provider struggles", ["provider"])


def count_attempt(attempt: Attempt, result: Problem | AttemptStatus) -> None:
    """A journey ended, or one of its returns was refused."""
    attempts.labels(attempt.provider, result).inc()
    if attempt.intent is Intent.RECONNECT:
        reconnects.labels(attempt.provider, result).inc()
