"""One journey to a provider's login and back."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from connection_svc.domain.connection import Connection, Organisation
from connection_svc.domain.errors import DomainError


class Intent(StrEnum):
    """What the person wants from the journey."""

    CONNECT = "connect"
    RECONNECT = "reconnect"
    CHANGE = "change"  # to other software or another organisation; the old connection works until that is confirmed


class Channel(StrEnum):
    """Where the journey began."""

    WEB = "web"
    MOBILE = "mobile"
    LINK = "link"  # a reconnect link: only the expected organisation is shown or accepted


class AttemptStatus(StrEnum):
    """How far the journey got."""

    STARTED = "started"
    RETURNED = "returned"  # with a grant; the organisation is to be chosen
    ACTIVATED = "activated"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


OPEN = frozenset({AttemptStatus.STARTED, AttemptStatus.RETURNED})


class Problem(StrEnum):
    """What went wrong on the way. The person may always start again; these say what to tell them."""

    DENIED = "denied"
    NO_CODE = "no_code"
    STATE_UNKNOWN = "state_unknown"  # foreign, replaced by a later start of the same attempt, or damaged with us
    STATE_USED = "state_used"
    FOREIGN_BROWSER = "foreign_browser"
    ISSUER_MISMATCH = "issuer_mismatch"
    TIMED_OUT = "timed_out"
    PROVIDER_ERROR = "provider_error"
    NO_ORGANISATION = "no_organisation"  # the login reaches none that can be connected
    CONNECTION_ENDED = "connection_ended"  # disconnected or replaced while somebody was at the login
    ORGANISATION_MISMATCH = "organisation_mismatch"  # through a link, where only the expected one is accepted
    TAKEN_OVER = "taken_over"  # another administrator began anew
    SCOPE_MISSING = "scope_missing"


class AttemptOver(DomainError):
    """The attempt has ended; a new one is needed."""

    def __init__(self, attempt_id: str, status: AttemptStatus) -> None:
        self.attempt_id, self.status = attempt_id, status
        super().__init__(f"attempt {attempt_id} is {status}: start again")


class AttemptRunning(DomainError):
    """Somebody else is on the way to the same connection: join, or take over."""

    def __init__(self, attempt: "Attempt") -> None:
        self.attempt = attempt
        super().__init__(f"{attempt.started_by} has begun attempt {attempt.id} for connection {attempt.connection_id}")


class NotReturned(DomainError):
    """No login came back yet, so there is no organisation to choose from."""

    def __init__(self, attempt_id: str) -> None:
        self.attempt_id = attempt_id
        super().__init__(f"attempt {attempt_id} has not come back from the provider")


class OrganisationNotGranted(DomainError):
    """The organisation that was chosen is not part of this login."""

    def __init__(self, attempt_id: str, organisation_id: str) -> None:
        self.attempt_id, self.organisation_id = attempt_id, organisation_id
        super().__init__(f"the login of attempt {attempt_id} does not include organisation {organisation_id}")


class OrganisationTaken(DomainError):
    """Another connection leads to this organisation."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        super().__init__(f"{organisation.name} is already connected")


class OrganisationConnectedHere(OrganisationTaken):
    """… and that connection is of the same business."""


class ForeignBrowser(DomainError):
    """Another browser asked for the attempt than the one that wants to leave. The attempt itself is unchanged."""

    def __init__(self, attempt_id: str) -> None:
        self.attempt_id = attempt_id
        super().__init__(f"attempt {attempt_id} was asked for in another browser")


class ComebackRefused(DomainError):
    """A callback that must not be followed; `problem` says why. The attempt itself is unchanged."""

    def __init__(self, attempt_id: str, problem: Problem) -> None:
        self.attempt_id, self.problem = attempt_id, problem
        super().__init__(f"callback of attempt {attempt_id} refused: {problem}")


def hashed(secret: str) -> bytes:
    """What we keep of a secret that only needs to be recognised. The secrets are random, so no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()


def _matches(secret: str | None, kept: bytes | None) -> bool:
    return secret is not None and kept is not None and hmac.compare_digest(hashed(secret), kept)


@dataclass(frozen=True)
class OfferedOrganisation:
    """An organisation that the login granted."""

    id: str
    name: str
    country: str | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One attempt as it stands. Its OAuth `state` and browser secrets are kept as hashes; its verifier lies elsewhere.

    Only the browser that asked for it may leave (`binding_hash`), and only the one that left may come back
    (`browser_hash`). Leaving again is allowed while nothing came back: the earlier `state` is then old.
    """

    id: str
    business_id: str
    connection_id: str  # of a change the old one
    provider: str
    intent: Intent
    channel: Channel
    return_to: str
    started_by: str  # user id
    binding_hash: bytes
    created_at: datetime
    expires_at: datetime
    status: AttemptStatus = AttemptStatus.STARTED
    problem: Problem | None = None
    state_hash: bytes | None = None
    browser_hash: bytes | None = None
    state_used_at: datetime | None = None
    missing_permissions: tuple[str, ...] = ()  # what a login with the problem `scope_missing` did not grant
    offered: tuple[OfferedOrganisation, ...] = ()
    revision: int = 0

    @property
    def facts(self) -> dict[str, str]:
        """What the timeline tells of it: what for, and from where."""
        return {"intent": self.intent.value, "channel": self.channel.value}

    def is_over(self, *, now: datetime) -> bool:
        """Ended, or past its time whether or not anybody noticed yet."""
        return self.status not in OPEN or self.expires_at <= now

    def as_of(self, now: datetime) -> "Attempt":
        """As it stands, whether or not anybody noticed yet that its time is over."""
        if self.status in OPEN and self.is_over(now=now):
            return replace(self, status=AttemptStatus.TIMED_OUT, problem=Problem.TIMED_OUT)
        return self

    def leave(self, *, binding: str | None, state: str, browser: str, now: datetime) -> "Attempt":
        """Send the browser that asked to the provider under a fresh `state`. Raises ForeignBrowser and AttemptOver.

        Its `binding` is looked at first: a stranger learns nothing of the attempt.
        """
        if not _matches(binding, self.binding_hash):
            raise ForeignBrowser(self.id)
        if self.status is not AttemptStatus.STARTED or self.is_over(now=now):
            raise AttemptOver(self.id, self.status)
        return replace(self, state_hash=hashed(state), browser_hash=hashed(browser), state_used_at=None)

    def is_from(self, browser: str | None) -> bool:
        """Whether this browser is the one that left for the provider."""
        return _matches(browser, self.browser_hash)

    def come_back(self, *, browser: str | None, now: datetime) -> "Attempt":
        """Spend the `state`, once, in the browser that left. Raises ComebackRefused.

        The browser is looked at first: a stranger learns nothing of the attempt.
        """
        if not self.is_from(browser):
            raise ComebackRefused(self.id, Problem.FOREIGN_BROWSER)
        if self.state_used_at is not None or self.status not in {AttemptStatus.STARTED, AttemptStatus.TIMED_OUT}:
            raise ComebackRefused(self.id, Problem.STATE_USED)
        if self.is_over(now=now):
            raise ComebackRefused(self.id, Problem.TIMED_OUT)
        return replace(self, state_used_at=now)

    def expects(self, connection: Connection) -> Organisation | None:
        """The organisation that the login must bring; None where another one is as good or better."""
        return connection.organisation if self.intent is Intent.RECONNECT else None

    def switch(self, connection: Connection, organisation: Organisation) -> "Attempt":
        """A reconnect that came back with another organisation becomes a change to that one."""
        expected = self.expects(connection)
        is_other = expected is not None and expected.id != organisation.id
        return replace(self, intent=Intent.CHANGE) if is_other else self

    def offer(self, organisations: tuple[OfferedOrganisation, ...], *, expected: Organisation | None) -> "Attempt":
        """The login came back with these, the expected one first. Through a link nothing but the expected is shown."""
        if self.channel is Channel.LINK:
            organisations = tuple(o for o in organisations if expected is not None and o.id == expected.id)
        first = tuple(sorted(organisations, key=lambda o: expected is None or o.id != expected.id))
        return replace(self, status=AttemptStatus.RETURNED, offered=first)

    def choose(self, organisation_id: str, *, now: datetime) -> Organisation:
        """The offered organisation with this id. Raises NotReturned, AttemptOver, OrganisationNotGranted."""
        if self.status is AttemptStatus.STARTED:
            raise NotReturned(self.id)
        if self.is_over(now=now):
            raise AttemptOver(self.id, self.status)
        for organisation in self.offered:
            if organisation.id == organisation_id:
                return Organisation(organisation.id, organisation.name)
        raise OrganisationNotGranted(self.id, organisation_id)

    def end(self, status: AttemptStatus, problem: Problem | None = None, *, missing: tuple[str, ...] = ()) -> "Attempt":
        """Close the journey. Raises AttemptOver when it is closed already."""
        if self.status not in OPEN:
            raise AttemptOver(self.id, self.status)
        return replace(self, status=status, problem=problem, missing_permissions=missing)
