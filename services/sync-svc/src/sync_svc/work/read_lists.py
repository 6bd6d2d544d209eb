"""Reading a connection's lists from its provider. No transaction is open here."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.clock import Clock
from providers import Provider, Providers
from providers.errors import OrganisationGone, ProviderUnavailable, Refused, Throttled, TokenRejected
from providers.models import Access, Entry, ListName, Reading
from sync_svc.clients import AccessTokens, BeingChecked, ConnectionsUnavailable, NotUsable, TokenAnswer, Usable
from sync_svc.domain.entries import Content, ListState, email_hash, read_since, tax_number_hash
from sync_svc.domain.runs import Blame, Failure, Run

OVERLAP = timedelta(minutes=5)
NEWER_TOKENS_PER_LIST = 2


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
        """The lists of a run. Raises ToWait, Failed, and whatever `still_ours` raises, which is asked between lists."""
        try:
            token = _usable(await self._tokens.get(run.connection_id, run.business_id))
            return await self._read(run, known, still_ours, token)
        except Throttled as limit:
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
        provider = self._providers[token.provider]
        lists, calls, received = [], 0, 0
        for name in provider.facts.lists:
            if run.lists and name not in run.lists:
                continue
            await still_ours()
            now = self._clock.now()
            since = read_since(
                known.get(name), generation=token.generation, now=now, full_every=self._full_every, overlap=OVERLAP
            )
            token, reading = await self._read_list(run, provider, token, name, since)
            content = tuple(self._content(run.business_id, entry) for entry in reading.entries)
            lists.append(ReadList(name, content, reading.is_full, began_at=now))
            calls += reading.cost.calls
            received += reading.cost.bytes_received
        return Harvest(tuple(lists), token.generation, calls, received)

    async def _read_list(
        self, run: Run, provider: Provider, token: Usable, name: ListName, since: datetime | None
    ) -> tuple[Usable, Reading]:
        """One list, and the token that it was read with: a newer one, if the provider no longer took the first."""
        for _ in range(NEWER_TOKENS_PER_LIST):
            try:
                return token, await provider.read_list(Access(token.access_token, token.organisation_id), name, since)
            except (TokenRejected, OrganisationGone) as rejection:
                problem = "organisation_gone" if isinstance(rejection, OrganisationGone) else "token_rejected"
                answer = await self._tokens.report_rejected(run.connection_id, run.business_id, token, problem)
                token = _usable(answer)
        raise Failed(Failure("token_rejected", Blame.CONNECTION))

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
