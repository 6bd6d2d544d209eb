"""What went wrong at a provider, said as what the caller should do about it.

::

    ProviderError
    ├── GrantRefused         stop: only the customer can mend it, by logging in again
    ├── OrganisationGone     stop: the provider says that our grant no longer covers this organisation
    ├── TokenRejected        get a newer access token, then repeat
    ├── Throttled            wait `retry_after`, then repeat (BudgetSpent: we did not even ask)
    ├── ProviderUnavailable  repeat later; nothing was written
    ├── OutcomeUnknown       look it up before anything is written again
    └── Refused              correct what `problems` name; the same again cannot succeed

Only the first two say something about a connection. A time-out, a 5xx or a wrong
client secret of ours never does.
"""

from dataclasses import dataclass
from datetime import timedelta

from providers.models import Permission


@dataclass(frozen=True)
class Problem:
    """One thing the provider did not accept.

    `code` is ours, and an open set: category_missing, category_unusable, tax_mismatch, period_locked, duplicate,
    supplier_missing, currency_unsupported, document_missing, document_too_large, document_unsupported,
    document_exists, permission_missing, subscription_ended, value_invalid.
    `field` is the part of our document it speaks of, as far as that can be told.
    `message` is the provider's own sentence: shown to people, never compared.
    """

    code: str
    field: str | None
    message: str


class ProviderError(Exception):
    """Anything a provider's adapter raises."""


class GrantRefused(ProviderError):
    """The provider does not honour our grant (`invalid_grant`). Repeating cannot help: the customer logs in again.

    `reason` is grant_revoked (a refresh was refused), code_refused (a login's code was spent, late or not ours)
    or scope_missing (the login came back without a permission we need; `missing` names them).
    """

    def __init__(self, reason: str, missing: tuple[Permission, ...] = ()) -> None:
        self.reason, self.missing = reason, missing
        super().__init__(f"the provider refused our grant: {reason}")


class OrganisationGone(ProviderError):
    """The provider's own list of organisations we may reach no longer names this one."""

    def __init__(self, organisation_id: str) -> None:
        self.organisation_id = organisation_id
        super().__init__(f"the provider no longer lets us reach organisation {organisation_id}")


class TokenRejected(ProviderError):
    """The access token was not accepted, and nothing was done. It says nothing about the grant behind it."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"the provider rejected the access token: {problem}")


class Throttled(ProviderError):
    """Too many calls, and nothing was done. The same may be sent again after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        self.retry_after = retry_after
        super().__init__(f"the provider asks us to wait {retry_after.total_seconds():.0f} s")


class BudgetSpent(Throttled):
    """Our own budget for the organisation has no call left soon. The provider was not asked."""

    def __str__(self) -> str:
        return f"our calls are booked out for {self.retry_after.total_seconds():.0f} s"


class ProviderUnavailable(ProviderError):
    """No usable answer, and nothing was written. Says nothing about the connection.

    `symptom`: connect, timeout, broken, server_error, malformed, too_large, unexpected,
    client_refused (our own id or secret), deadline_passed (the write was never sent).
    """

    def __init__(self, symptom: str, detail: str = "") -> None:
        self.symptom = symptom
        super().__init__(f"no usable answer from the provider: {symptom}" + (f" ({detail})" if detail else ""))


class OutcomeUnknown(ProviderError):
    """A write was sent and its answer was lost. It may have happened: look it up before writing again."""

    def __init__(self, symptom: str, detail: str = "") -> None:
        self.symptom = symptom
        super().__init__(f"a write was sent and its outcome is unknown: {symptom}" + (f" ({detail})" if detail else ""))


class Refused(ProviderError):
    """The provider understood and said no; nothing was written."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.code}: {problem.message}" for problem in problems))
