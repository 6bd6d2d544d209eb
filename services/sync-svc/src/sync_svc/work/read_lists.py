"""Reading a connection's lists from its provider. No transaction is open here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from chassis.clock import Clock
from providers import Provider, Providers
from providers.errors import BudgetSpent, OrganisationGone, ProviderUnavailable, Refused, Throttled, TokenRejected
from providers.models import Access, Entry, ListName, Reading
from providers.permits import Leased, Permits
from sync_svc.clients import AccessTokens, BeingChecked, ConnectionsUnavailable, NotUsable, TokenAnswer, Usable
from sync_svc.domain.entries import Content, ListState, email_hash, read_since, tax_number_hash
from sync_svc.domain.runs import Blame, Failure, Run

OVERLAP = timedelta(minutes=5)
NEWER_TOKENS_PER_LIST = 2
LONGEST_WAIT_FOR_A_PERMIT = timedelta(seconds=30)

_log = structlog.get_logger(__name__)


class ToWait(Exception):
    """Not now: we were asked to come back after `pause`."""

    def __init__(self, pause: timedelta) -> None:
        self.pause = pause
        super().__init__(f"asked to wait {pause}")


class Failed(Exception):
    """The attempt has failed, and this is how."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.code)


@dataclass(frozen=True)
class ReadList:
    """One list as it was read. `began_at` is the domain clock's."""

    name: str
    content: tuple[Content, ...]
    is_full: bool
    began_at: datetime


@dataclass(frozen=True)
class Harvest:
    """All that a run read, under which consent, and what it cost."""

    lists: tuple[ReadList, ...]
    generation: int
    calls: int
    bytes_received: int


@dataclass(frozen=True)
class _Line:
    """What a run reads through."""

    run: Run
    provider: Provider
    permits: Permits


class Reader:
    """Reads lists with tokens of connection-svc, and tells it when the provider does not take one."""

    def __init__(
        self, tokens: AccessTokens, providers: Providers, clock: Clock, *, hash_key: bytes, full_every: timedelta
    ) -> None:
        self._tokens, self._providers, self._clock = tokens, providers, clock
        self._hash_key, self._full_every = hash_key, full_every

    async def read(
        self, run: Run, known: Mapping[str, ListState], still_ours: Callable[[], Awaitable[None]]
    ) -> Harvest:
        """The lists of a run. Raises ToWait, Failed, and whatever `still_ours` raises, which is asked now and then."""
        try:
            token = _usable(await self._tokens.get(run.connection_id, run.business_id))
            return await self._read(run, known, still_ours, token)
        except BudgetSpent as spent:
            raise ToWait(spent.retry_after) from spent
        except Throttled as limit:
            await self._tell_throttled(run, limit.retry_after)
            raise ToWait(limit.retry_after) from limit
        except ProviderUnavailable as outage:
            raise Failed(Failure(f"provider_{outage.symptom}", Blame.PROVIDER)) from outage
        except Refused as refusal:
            raise Failed(Failure(refusal.problems[0].code, Blame.CONNECTION, is_lasting=True)) from refusal
        except ConnectionsUnavailable as outage:
            raise Failed(Failure("connections_unavailable", Blame.US)) from outage

    async def _read(
        self,
        run: Run,
        known: Mapping[str, ListState],
        still_ours: Callable[[], Awaitable[None]],
        token: Usable,
    ) -> Harvest:
        line = _Line(run, self._providers[token.provider], self._permits(run, still_ours))
        lists, calls, received = [], 0, 0
        for name in line.provider.facts.lists:
            if run.lists and name not in run.lists:
                continue
            await still_ours()
            now = self._clock.now()
            since = read_since(
                known.get(name), generation=token.generation, now=now, full_every=self._full_every, overlap=OVERLAP
            )
            token, reading = await self._read_list(line, token, name, since)
            content = tuple(self._content(run.business_id, entry) for entry in reading.entries)
            lists.append(ReadList(name, content, reading.is_full, began_at=now))
            calls += reading.cost.calls
            received += reading.cost.bytes_received
        return Harvest(tuple(lists), token.generation, calls, received)

    async def _read_list(
        self, line: _Line, token: Usable, name: ListName, since: datetime | None
    ) -> tuple[Usable, Reading]:
        """One list, and the token that it was read with: a newer one, if the provider no longer took the first."""
        for _ in range(NEWER_TOKENS_PER_LIST):
            access = Access(token.access_token, token.organisation_id, line.permits.take)
            try:
                return token, await line.provider.read_list(access, name, since)
            except (TokenRejected, OrganisationGone) as rejection:
                problem = "organisation_gone" if isinstance(rejection, OrganisationGone) else "token_rejected"
                answer = await self._tokens.report_rejected(
                    line.run.connection_id, line.run.business_id, token, problem
                )
                token = _usable(answer)
        raise Failed(Failure("token_rejected", Blame.CONNECTION))

    def _permits(self, run: Run, still_ours: Callable[[], Awaitable[None]]) -> Permits:
        """Permits that are waited for, since what was read before them would have to be read again."""

        async def lease() -> Leased:
            while True:
                await still_ours()
                leased = await self._tokens.lease(run.connection_id, run.business_id)
                if leased.calls or leased.starts_in > LONGEST_WAIT_FOR_A_PERMIT:
                    return leased
                await asyncio.sleep(leased.starts_in.total_seconds())

        return Permits(lease)

    async def _tell_throttled(self, run: Run, pause: timedelta) -> None:
        try:
            await self._tokens.report_throttled(run.connection_id, run.business_id, pause)
        except ConnectionsUnavailable as outage:
            _log.warning("throttle.unreported", connection_id=run.connection_id, error=str(outage))

    def _content(self, business_id: str, entry: Entry) -> Content:
        return Content(
            external_id=entry.external_id,
            name=entry.name,
            parent_id=entry.parent_id,
            code=entry.code,
            type=entry.type,
            tax_treatment=entry.tax_treatment,
            valid_tax_rates=entry.valid_tax_rates,
            tax_number_hash=tax_number_hash(self._hash_key, business_id, entry.tax_number),
            email_hash=email_hash(self._hash_key, business_id, entry.email),
            active=entry.active,
        )


def _usable(answer: TokenAnswer) -> Usable:
    match answer:
        case Usable():
            return answer
        case BeingChecked(retry_after):
            raise ToWait(retry_after)
        case NotUsable():
            raise Failed(Failure("connection_expired", Blame.CONNECTION, is_lasting=True))
