"""Every metric of this service, with how to read it and what to do. No business or connection is ever a label."""

from typing import Final

from prometheus_client import Counter

# Outcomes: stored; outrun (newer tokens were there already: two refreshed at once, look at pauses of this process);
# refused (the provider's invalid_grant, whether believed yet or not); unavailable and throttled (the provider's
# trouble: nothing expires by them).
refreshes: Final = Counter("grant_refreshes_total", "Refreshes of tokens, by outcome", ["provider", "outcome"])

# Reasons and detectors as in ConnectionExpired. consent_lapsed by clock is the year; a rise of grant_revoked over all
# connections of one provider is more likely our client's secret or an incident there than so many customers.
expired: Final = Counter("connections_expired_total", "Connections that expired", ["provider", "reason", "detected_by"])

# Results: activated, or the problem's name. provider_error rising for one provider is its outage.
attempts: Final = Counter(
    "connection_attempts_total", "Journeys to a provider's login that ended", ["provider", "result"]
)

# Any growth needs a person at once: a row was damaged or moved (counted once, then it is in quarantine), or a key of
# the ring is missing from the settings (counted at each try). docs/runbooks/tokens-undecipherable.md
undecipherable: Final = Counter("undecipherable_secrets_total", "Sealed secrets that did not open", ["table"])
