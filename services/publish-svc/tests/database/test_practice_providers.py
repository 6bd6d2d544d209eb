"""The real adapters against the practice providers, which cut answers, refuse and throttle at our word."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx2
import pytest
from build_publish_svc import BILL, World, a_connection, a_queued_item, a_token

from providers import ProviderSettings, build
from providers.interface import Provider
from providers.models import Access, ListName
from publish_svc.clients import NotUsable
from publish_svc.domain.items import BillContent, Line
from publish_svc.work.tools import Tools
from simulator.testing import CHALLENGE, KNOWN, REDIRECT_URI, VERIFIER, Known, Practice, Target, served

LOST = {"cut": "after"}
SAGES_TOKENS_LIVE_ON = timedelta(minutes=5)


@dataclass
class Practised:
    """A provider, its practice, and a bill coded with what the organisation has."""

    provider: Provider
    practice: Practice
    access: Access
    bill: BillContent
    known: Known

    def fault(self, target: Target, **action: object) -> None:
        rule = {"method": target.method, "path_regex": target.path_regex, "action": action}
        self.practice.fault(provider=self.provider.name, **rule)

    def worker(self, world: World) -> Tools:
        world.tokens.answer = a_token(
            access_token=self.access.access_token,
            organisation_id=self.access.organisation_id,
            provider=self.provider.name,
        )
        return replace(
            world.worker(),
            providers={self.provider.name: self.provider},
            monotonic=time.monotonic,
            lease_time=timedelta(seconds=30),  # looking for a supplier at FreeAgent reads all of them
        )


@pytest.fixture(params=list(KNOWN))
async def practised(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Practised]:
    known = KNOWN[request.param]
    with served(tmp_path_factory.mktemp("publish"), limits_factor=20) as practice:
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
            provider = build(ProviderSettings.model_validate(practice.settings()), http)[request.param]
            access = Access(await token_of(provider, practice, known.organisation), known.organisation)
            yield Practised(provider, practice, access, await coded(provider, access), known)


async def token_of(provider: Provider, practice: Practice, organisation: str) -> str:
    query = dict(httpx2.URL(provider.authorise_url("the-state", CHALLENGE, REDIRECT_URI)).params)
    callback = practice.callback(provider.name, organisation, "normal", **query)
    grant = await provider.exchange(callback["code"], VERIFIER, REDIRECT_URI, callback, a_token().expires_at)
    return grant.access_token


async def coded(provider: Provider, access: Access) -> BillContent:
    accounts = (await provider.read_list(access, ListName.ACCOUNTS, None)).entries
    account = next(one for one in accounts if one.active and "expense" in (one.type or "").casefold())
    lines = tuple(Line(line.description, line.amount, account.external_id, None) for line in BILL.lines)
    return replace(BILL, supplier_id=None, supplier_name="Nobody Yet Ltd", lines=lines)


async def test_lost_answers_pauses_and_refusals_end_with_each_document_once_in_order_with_its_file(
    world: World, practised: Practised
) -> None:
    items = [a_queued_item(bill=replace(practised.bill, number=f"INV-{number}")) for number in range(1, 5)]
    await world.store(a_connection(provider=practised.provider.name), *items)
    tools = practised.worker(world)
    practised.fault(practised.known.writes_bill, **LOST)
    practised.fault(practised.known.writes_file, **LOST)
    practised.fault(practised.known.writes_file, status=429, retry_after=7)

    for _ in range(8):
        await world.run(tools)
        world.pass_time(timedelta(minutes=2))

    documents = practised.practice.documents(practised.provider.name, practised.access.organisation_id)
    ours = [document for document in documents if str(document["number"]).startswith("INV-")]
    assert [document["number"] for document in ours] == ["INV-1", "INV-2", "INV-3", "INV-4"]
    assert [len(document["attachments"]) for document in ours] == [1, 1, 1, 1]
    assert await world.statuses([item.id for item in items]) == ["published"] * 4
    assert "item.outcome-uncertain" in [event["what"] for event in await world.said()]


async def test_a_refusal_of_the_provider_fails_the_item_in_the_providers_words(
    world: World, practised: Practised
) -> None:
    wrong = replace(practised.bill, lines=tuple(replace(line, account_id="nowhere") for line in practised.bill.lines))
    item = a_queued_item(bill=wrong)
    await world.store(a_connection(provider=practised.provider.name), item)

    await world.run(practised.worker(world))

    [said] = await world.said()
    assert (said["what"], said["class"], said["field"]) == ("item.publish-failed", "stale_mapping", "/lines")
    assert said["provider_message"]


async def test_an_organisation_that_withdrew_our_access_is_reported_and_its_items_wait(
    world: World, practised: Practised
) -> None:
    item = a_queued_item(bill=replace(practised.bill, supplier_id="any"))
    await world.store(a_connection(provider=practised.provider.name), item)
    tools = practised.worker(world)
    practised.practice.withdraw(practised.provider.name, practised.access.organisation_id)
    practised.practice.move(SAGES_TOKENS_LIVE_ON.total_seconds())
    world.tokens.answer_to_report = NotUsable("organisation_withdrawn")

    await world.run(tools)

    assert len(world.tokens.reports) == 1
    held = await world.item(item.id)
    assert (held.status, held.reason) == ("held", "connection_expired")
