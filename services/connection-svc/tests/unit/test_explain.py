"""Why a connection is as it is and what comes next, in words, for each state it can be in."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from build_connection_svc import NOON, YEAR, a_case, a_connection, a_pending_connection, an_expired_connection

from connection_svc.domain.connection import Connection, ExpiryReason, Lifecycle
from connection_svc.domain.explain import Circumstances, explain
from connection_svc.domain.reconnect import remind

DAY = timedelta(days=1)
END = NOON + YEAR
LEFT = a_connection(lifecycle=Lifecycle.DISCONNECTED, ended_at=END)
EXPIRED = an_expired_connection()
OPENED = a_case(EXPIRED)
LOGIN = "An administrator logs in to Xero again; what waits is then published by itself."
ENDING = "The yearly consent ends on 2 March 2027: reconnect before then."
AWAY = " Xero is not answering right now, so that may have to wait."


def revoked(reason: ExpiryReason) -> Connection:
    return an_expired_connection(lifecycle=reason.lifecycle, expiry_reason=reason)


@pytest.mark.parametrize(
    ("connection", "around", "why", "following"),
    [
        (a_pending_connection(), {}, "Somebody began to connect and has not finished.", "Log in to Xero to finish."),
        (
            a_pending_connection(),
            {"is_degraded": True},
            "Somebody began to connect and has not finished.",
            "Log in to Xero to finish." + AWAY,
        ),
        (
            a_connection(),
            {},
            "Connected to Demo Trading Ltd. The yearly consent ends on 2 March 2027.",
            "Reconnect before then.",
        ),
        (
            a_connection(consent_expires_at=END + YEAR),
            {},
            "Connected to Demo Trading Ltd.",
            "Nothing to do. The next reconnection is due by 1 March 2028.",
        ),
        (
            a_connection(),
            {"is_degraded": True},
            "Connected to Demo Trading Ltd, but Xero is not answering right now.",
            f"What waits is published by itself when Xero is back. {ENDING}",
        ),
        (
            a_connection(),
            {"is_quarantined": True},
            "What we keep of the access to Demo Trading Ltd is damaged, so it is not used any more.",
            LOGIN,
        ),
        (
            an_expired_connection(ended_at=END + 7 * DAY),
            {},
            "The yearly consent ended on 2 March 2027.",
            LOGIN,
        ),
        (
            EXPIRED,
            {"case": OPENED},
            "The yearly consent ended on 2 March 2027.",
            f"{LOGIN} The next reminder is sent on 5 March 2027.",
        ),
        (
            EXPIRED,
            {"case": OPENED, "is_degraded": True},
            "The yearly consent ended on 2 March 2027.",
            f"{LOGIN}{AWAY} The next reminder is sent on 5 March 2027.",
        ),
        (
            EXPIRED,
            {"case": OPENED.ask(now=END).snooze(END + 9 * DAY, now=END)},
            "The yearly consent ended on 2 March 2027.",
            f"{LOGIN} Administrators were asked on 2 March 2027. Reminders are put off until 11 March 2027.",
        ),
        (
            EXPIRED,
            {"case": remind(OPENED, now=END + 7 * DAY)},
            "The yearly consent ended on 2 March 2027.",
            f"{LOGIN} No further reminder is sent.",
        ),
        (
            revoked(ExpiryReason.REFRESH_EXPIRED),
            {},
            "Xero let the access lapse on 2 March 2027, because it was not used for too long.",
            LOGIN,
        ),
        (revoked(ExpiryReason.GRANT_REVOKED), {}, "Access was withdrawn in Xero on 2 March 2027.", LOGIN),
        (
            revoked(ExpiryReason.ORGANISATION_WITHDRAWN),
            {},
            "Xero stopped sharing Demo Trading Ltd with us on 2 March 2027.",
            LOGIN,
        ),
        (LEFT, {}, "Somebody disconnected Demo Trading Ltd on 2 March 2027.", "Connect again to publish."),
        (
            LEFT,
            {"is_leaving": True},
            "Somebody disconnected Demo Trading Ltd on 2 March 2027.",
            "Connect again to publish. Xero has not confirmed yet that our access is gone; we keep asking.",
        ),
        (
            replace(LEFT, lifecycle=Lifecycle.REPLACED),
            {"successor": "New Ltd in Sage Accounting"},
            "New Ltd in Sage Accounting took the place of Demo Trading Ltd on 2 March 2027.",
            None,
        ),
    ],
)
def test_each_state_is_explained_in_words(
    connection: Connection, around: dict, why: str, following: str | None
) -> None:
    assert explain(connection, Circumstances("Xero", **around), now=END - 5 * DAY) == (why, following)


def test_nothing_that_can_come_together_is_left_unexplained() -> None:
    reasons = {Lifecycle.EXPIRED: ExpiryReason.CONSENT_LAPSED, Lifecycle.REVOKED: ExpiryReason.GRANT_REVOKED}
    cases = (None, OPENED, OPENED.snooze(END + DAY, now=END), remind(OPENED, now=END + 7 * DAY))
    for lifecycle, *flags, case, days in product(Lifecycle, *[(False, True)] * 3, cases, (-40, -5, 0, 5)):
        connection = a_connection(lifecycle=lifecycle, expiry_reason=reasons.get(lifecycle), ended_at=END)
        why, following = explain(connection, Circumstances("Xero", *flags, "New Ltd", case), now=END + days * DAY)

        for sentence in (why, following or "None."):
            assert sentence.endswith(".")
            assert "None" not in why
            assert "  " not in sentence
