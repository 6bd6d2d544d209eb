"""A run from its claim to what it says."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from build_sync_svc import NOON, TWO_DAYS, USABLE, PracticeProvider, Tokens, Worker, an_entry

from chassis import leases
from chassis.testing import FrozenClock
from providers.errors import (
    OrganisationGone,
    Problem,
    ProviderUnavailable,
    Refused,
    Throttled,
    TokenRejected,
)
from providers.models import ListName
from providers.permits import Leased
from relink_contracts.envelope import Received
from relink_contracts.events import ConnectionDisconnected, ConnectionReconnected
from relink_contracts.testing import received
from sync_svc.clients import BeingChecked, ConnectionsUnavailable, NotUsable
from sync_svc.domain.runs import Run, RunState
from sync_svc.store import entries, runs, schedules
from sync_svc.work.republish_state import republish_state

ENTRY = "relink.list-entry.state.v1"
COMPLETED = "relink.sync.completed.v1"
FAILED = "relink.sync.failed.v1"


async def the_run(worker: Worker) -> Run:
    async with worker.database.acquire() as tx:
        run = await runs.latest(tx, "biz_demo", "con_1")
    assert run is not None
    return run


async def open_run(worker: Worker) -> str | None:
    async with worker.database.acquire() as tx:
        schedule = await schedules.get(tx, "biz_demo", "con_1")
    assert schedule is not None
    return schedule.open_sync_id


async def test_the_first_run_says_every_entry_and_then_that_it_is_complete(worker: Worker) -> None:
    await worker.connected()
    assert await worker.runner().step()

    said = await worker.said(ENTRY)
    [completed] = await worker.said(COMPLETED)
    assert [(one["list"], one["external_id"], one["list_version"]) for one in said] == [
        ("accounts", "200", 1),
        ("accounts", "429", 1),
        ("suppliers", "s-1", 1),
    ]
    assert completed["lists"]["accounts"] == {
        "added": 2,
        "updated": 0,
        "removed": 0,
        "total": 2,
        "list_version": 1,
        "records_written": 2,
    }
    assert (completed["generation"], completed["trigger"]) == (1, "established")
    assert (completed["provider_calls"], completed["provider_bytes"]) == (3, 1500)
    assert await open_run(worker) is None


async def test_addresses_and_tax_numbers_leave_only_as_hashes(worker: Worker) -> None:
    await worker.connected()
    await worker.runner().step()
    [supplier] = [one for one in await worker.said(ENTRY) if one["list"] == "suppliers"]
    assert len(supplier["email_hash"]) == len(supplier["tax_number_hash"]) == 64
    async with worker.database.acquire() as tx:
        everything = await tx.fetchval("SELECT string_agg(content::text, '') FROM entries")
    assert "demo.example" not in everything.casefold()
    assert "GB 123" not in everything


async def test_a_run_that_finds_nothing_new_writes_no_entry(worker: Worker) -> None:
    await worker.synced()
    await worker.comes_due()
    await worker.runner().step()
    [completed] = await worker.said(COMPLETED)
    assert await worker.said(ENTRY) == []
    assert completed["lists"]["accounts"]["records_written"] == 0
    assert completed["lists"]["accounts"]["list_version"] == 2
    assert completed["lists"]["suppliers"]["total"] == 1


async def test_only_what_changed_is_said_and_what_is_gone_is_a_tombstone(
    worker: Worker, provider: PracticeProvider
) -> None:
    await worker.synced()
    provider.accounts = [an_entry("429", name="Office"), an_entry("500")]
    await worker.comes_due()
    await worker.runner().step()
    said = await worker.said(ENTRY)
    assert [one and (one["external_id"], one["name"]) for one in said] == [
        ("500", "Entry 500"),
        ("429", "Office"),
        None,
    ]
    [completed] = await worker.said(COMPLETED)
    counts = completed["lists"]["accounts"]
    assert (counts["added"], counts["updated"], counts["removed"], counts["total"]) == (1, 1, 1, 2)
    assert counts["records_written"] == 3


async def test_a_tombstone_follows_the_entrys_last_record_in_number(worker: Worker, provider: PracticeProvider) -> None:
    await worker.synced()
    provider.accounts = [an_entry("429")]
    await worker.comes_due()
    await worker.runner().step()
    async with worker.database.acquire() as tx:
        row = await tx.fetchrow("SELECT * FROM outbox WHERE type = $1", ENTRY)
    assert (row["aggregateid"], row["aggregate_seq"], row["payload"]) == ("con_1/accounts/200", 2, None)


async def test_a_partial_reading_removes_nothing(worker: Worker, provider: PracticeProvider) -> None:
    await worker.synced()
    provider.suppliers, provider.changed = [], [an_entry("s-2", ListName.SUPPLIERS)]
    await worker.comes_due()
    await worker.runner().step()
    [completed] = await worker.said(COMPLETED)
    assert provider.reads[-1][2] == NOON - timedelta(minutes=5)
    assert completed["lists"]["suppliers"]["total"] == 2


async def test_after_a_reconnect_every_list_is_read_whole(
    worker: Worker, provider: PracticeProvider, tokens: Tokens
) -> None:
    await worker.synced()
    tokens.answer = replace(USABLE, generation=2)
    provider.suppliers = []
    await worker.hears(received(ConnectionReconnected, sequence=2))
    await worker.takes_up_what_was_asked()
    await worker.runner().step()
    [completed] = await worker.said(COMPLETED)
    assert completed["generation"] == 2
    assert completed["lists"]["suppliers"]["removed"] == 1


async def test_a_run_that_was_asked_for_before_a_reconnect_and_reads_after_it_reads_whole(
    worker: Worker, provider: PracticeProvider, tokens: Tokens
) -> None:
    await worker.synced()
    await worker.comes_due()
    tokens.answer = replace(USABLE, generation=2)
    await worker.runner().step()
    assert [since for _, _, since in provider.reads[-2:]] == [None, None]


async def test_a_run_says_the_consent_it_read_with_and_not_the_one_it_was_asked_under(
    worker: Worker, tokens: Tokens
) -> None:
    await worker.connected()
    tokens.answer = replace(USABLE, generation=2)
    await worker.runner().step()
    [completed] = await worker.said(COMPLETED)
    assert completed["generation"] == 2


async def test_only_the_lists_asked_for_are_read(worker: Worker, provider: PracticeProvider) -> None:
    await worker.connected()
    async with worker.database.transaction() as tx:
        await tx.execute("UPDATE runs SET lists = '{suppliers}'")
    await worker.runner().step()
    assert [name for _, name, _ in provider.reads] == ["suppliers"]


async def test_an_outage_is_told_and_tried_again(
    worker: Worker, provider: PracticeProvider, clock: FrozenClock
) -> None:
    await worker.connected()
    provider.troubles = [ProviderUnavailable("timeout")]
    await worker.runner().step()
    [failed] = await worker.said(FAILED)
    assert (failed["code"], failed["blames"]) == ("provider_timeout", "provider")
    assert failed["retry_at"] == "2026-11-12T12:00:30Z"
    assert not await worker.runner().step()
    clock.advance(timedelta(seconds=30))
    assert await worker.runner().step()
    assert len(await worker.said(COMPLETED)) == 1


async def test_after_five_outages_the_run_has_failed_and_the_schedule_goes_on(
    worker: Worker, provider: PracticeProvider, clock: FrozenClock
) -> None:
    await worker.connected()
    provider.troubles = [ProviderUnavailable("timeout") for _ in range(5)]
    for _ in range(5):
        await worker.runner().step()
        clock.advance(timedelta(minutes=5))
    said = await worker.said(FAILED)
    assert [one["retry_at"] is None for one in said] == [False, False, False, False, True]
    assert (await the_run(worker)).state is RunState.FAILED
    assert await open_run(worker) is None


@pytest.mark.parametrize(
    "trouble", [Throttled(timedelta(seconds=17)), BeingChecked(timedelta(seconds=17))], ids=["throttled", "checking"]
)
async def test_being_asked_to_wait_is_obeyed_and_no_failure(
    worker: Worker, provider: PracticeProvider, tokens: Tokens, clock: FrozenClock, trouble: Any
) -> None:
    await worker.connected()
    if isinstance(trouble, Throttled):
        provider.troubles = [trouble]
    else:
        tokens.answer = trouble
    await worker.runner().step()
    run = await the_run(worker)
    assert (run.state, run.attempts, run.due_at) == (RunState.WAITING, 0, NOON + timedelta(seconds=17))
    assert await worker.said(FAILED) == []
    tokens.answer = USABLE
    clock.advance(timedelta(seconds=17))
    await worker.runner().step()
    assert len(await worker.said(COMPLETED)) == 1


async def test_a_throttle_is_told_to_everybody_who_calls_for_the_organisation(
    worker: Worker, provider: PracticeProvider, tokens: Tokens
) -> None:
    await worker.connected()
    provider.troubles = [Throttled(timedelta(seconds=17))]
    await worker.runner().step()
    assert tokens.throttles == [timedelta(seconds=17)]


async def test_a_run_waits_for_its_permits_and_reads_on(worker: Worker, tokens: Tokens) -> None:
    await worker.connected()
    soon = timedelta(seconds=0.05)
    tokens.permits = [Leased(1, soon, timedelta(seconds=1)), Leased(0, soon, timedelta(0))]
    await worker.runner().step()
    assert len(await worker.said(COMPLETED)) == 1
    assert tokens.permits == []


async def test_a_run_whose_budget_is_spent_for_long_comes_again_then(
    worker: Worker, provider: PracticeProvider, tokens: Tokens
) -> None:
    await worker.connected()
    tokens.permits = [Leased(0, timedelta(hours=2), timedelta(0))]
    await worker.runner().step()
    run = await the_run(worker)
    assert (run.state, run.due_at) == (RunState.WAITING, NOON + timedelta(hours=2))
    assert (provider.reads, tokens.throttles) == ([], [])


async def test_an_expired_connection_ends_the_run_and_is_told_once(worker: Worker, tokens: Tokens) -> None:
    await worker.connected()
    tokens.answer = NotUsable("consent_lapsed")
    await worker.runner().step()
    [failed] = await worker.said(FAILED)
    assert (failed["code"], failed["blames"], failed["retry_at"]) == ("connection_expired", "connection", None)
    assert await open_run(worker) is None


async def test_a_rejected_token_is_reported_and_the_list_read_with_a_newer_one(
    worker: Worker, provider: PracticeProvider, tokens: Tokens
) -> None:
    await worker.connected()
    provider.troubles = [TokenRejected("TokenExpired")]
    await worker.runner().step()
    assert tokens.reports == [("token-1", "token_rejected")]
    assert [token for token, _, _ in provider.reads] == ["token-1", "token-2", "token-2"]
    assert len(await worker.said(COMPLETED)) == 1


async def test_tokens_that_are_rejected_again_and_again_are_given_up_for_now(
    worker: Worker, provider: PracticeProvider
) -> None:
    await worker.connected()
    provider.troubles = [TokenRejected("no"), TokenRejected("no")]
    await worker.runner().step()
    [failed] = await worker.said(FAILED)
    assert (failed["code"], failed["blames"]) == ("token_rejected", "connection")
    assert failed["retry_at"] is not None


async def test_an_organisation_that_is_gone_is_reported_and_connection_svc_decides(
    worker: Worker, provider: PracticeProvider, tokens: Tokens
) -> None:
    await worker.connected()
    provider.troubles = [OrganisationGone("org_1")]
    tokens.after_rejection = NotUsable("organisation_withdrawn")
    await worker.runner().step()
    assert tokens.reports == [("token-1", "organisation_gone")]
    [failed] = await worker.said(FAILED)
    assert failed["code"] == "connection_expired"


async def test_a_missing_permission_is_the_connections_and_not_repeated(
    worker: Worker, provider: PracticeProvider
) -> None:
    await worker.connected()
    provider.troubles = [Refused(Problem("permission_missing", None, "AuthorizationUnsuccessful"))]
    await worker.runner().step()
    [failed] = await worker.said(FAILED)
    assert (failed["code"], failed["blames"], failed["retry_at"]) == ("permission_missing", "connection", None)


async def test_when_connection_svc_is_away_it_is_our_fault(worker: Worker, tokens: Tokens) -> None:
    await worker.connected()
    tokens.trouble = ConnectionsUnavailable("refused")
    await worker.runner().step()
    [failed] = await worker.said(FAILED)
    assert (failed["code"], failed["blames"]) == ("connections_unavailable", "us")


async def test_what_was_read_before_a_failure_is_not_written(worker: Worker, provider: PracticeProvider) -> None:
    await worker.connected()
    original = provider.read_list

    async def second_list_fails(access: Any, list_name: ListName, since: Any) -> Any:
        if list_name is ListName.SUPPLIERS:
            raise ProviderUnavailable("timeout")
        return await original(access, list_name, since)

    provider.read_list = second_list_fails
    await worker.runner().step()
    assert await worker.said(ENTRY) == []


async def test_two_workers_do_two_runs_and_never_the_same(worker: Worker) -> None:
    await worker.connected()
    await asyncio.gather(worker.runner("worker-1").step(), worker.runner("worker-2").step())
    assert len(await worker.said(COMPLETED)) == 1


async def test_a_run_of_a_connection_that_somebody_reads_is_left_for_a_moment(
    worker: Worker, provider: PracticeProvider
) -> None:
    await worker.connected()
    await leases.acquire(worker.database, "sync:con_1", "worker-2", timedelta(seconds=60))
    await worker.runner().step()
    assert provider.reads == []
    assert (await the_run(worker)).due_at == NOON + timedelta(seconds=5)


async def test_a_worker_that_lost_its_lease_writes_nothing(worker: Worker, provider: PracticeProvider) -> None:
    await worker.connected()
    original = provider.read_list

    async def while_somebody_takes_over(access: Any, list_name: ListName, since: Any) -> Any:
        if list_name is ListName.SUPPLIERS:
            async with worker.database.acquire() as tx:
                await tx.execute("UPDATE leases SET token = token + 1, holder = 'worker-2'")
        return await original(access, list_name, since)

    provider.read_list = while_somebody_takes_over
    await worker.runner().step()
    assert await worker.said(ENTRY) == []
    assert await worker.said(COMPLETED) == []
    assert (await the_run(worker)).state is RunState.RUNNING


async def test_the_run_of_a_worker_that_died_is_begun_again(worker: Worker, clock: FrozenClock) -> None:
    await worker.connected()
    async with worker.database.transaction() as tx:
        run = await runs.claim(tx, now=NOON)
        assert run is not None
        await runs.save(tx, run.begin(look_after_at=NOON + timedelta(seconds=60)))
    assert not await worker.runner().step()
    clock.advance(timedelta(seconds=60))
    assert await worker.runner().step()
    assert len(await worker.said(COMPLETED)) == 1


async def test_every_entry_can_be_said_again_with_its_next_number(worker: Worker, clock: FrozenClock) -> None:
    await worker.synced()
    assert await republish_state(worker.database, clock) == 3
    async with worker.database.acquire() as tx:
        numbers = await tx.fetch("SELECT aggregate_seq FROM outbox WHERE type = $1", ENTRY)
    assert [row["aggregate_seq"] for row in numbers] == [2, 2, 2]
    assert [one["external_id"] for one in await worker.said(ENTRY)] == ["200", "429", "s-1"]


async def test_an_entry_that_is_gone_is_said_again_as_gone_and_can_come_back(
    worker: Worker, provider: PracticeProvider, clock: FrozenClock
) -> None:
    await worker.synced()
    provider.accounts = [an_entry("429")]
    await worker.comes_due()
    await worker.runner().step()
    await republish_state(worker.database, clock)
    async with worker.database.acquire() as tx:
        gone = await tx.fetch("SELECT payload FROM outbox WHERE aggregateid = 'con_1/accounts/200' ORDER BY id")
        await tx.execute("DELETE FROM outbox")
    assert [row["payload"] for row in gone] == [None, None]

    provider.accounts = [an_entry("200"), an_entry("429")]
    await worker.comes_due()
    await worker.runner().step()
    assert [one["external_id"] for one in await worker.said(ENTRY)] == ["200"]
    [completed] = await worker.said(COMPLETED)
    assert completed["lists"]["accounts"]["total"] == 2


async def test_a_list_that_was_said_again_is_still_known(worker: Worker, clock: FrozenClock) -> None:
    await worker.synced()
    await republish_state(worker.database, clock)
    async with worker.database.acquire() as tx:
        await tx.execute("DELETE FROM outbox")
    await worker.comes_due(TWO_DAYS)
    await worker.runner().step()
    assert await worker.said(ENTRY) == []


def left(*, lists_kept: bool) -> Received[ConnectionDisconnected]:
    return received(ConnectionDisconnected, 9, lifecycle="disconnected", lists_kept=lists_kept)


async def living_entries(worker: Worker) -> int:
    async with worker.database.acquire() as tx:
        return await tx.fetchval("SELECT count(*) FROM entries WHERE NOT gone")


async def test_whoever_leaves_and_wants_the_lists_cleared_has_every_entry_said_to_be_gone(worker: Worker) -> None:
    await worker.connected()
    await worker.runner().step()
    assert await living_entries(worker) == 3
    await worker.hears(left(lists_kept=False))

    async with worker.database.acquire() as tx:
        gone = await tx.fetch("SELECT aggregateid FROM outbox WHERE payload IS NULL ORDER BY id")
        states = await entries.states(tx, "biz_demo", "con_1")
    assert sorted(row["aggregateid"] for row in gone) == [
        "con_1/accounts/200",
        "con_1/accounts/429",
        "con_1/suppliers/s-1",
    ]
    assert (await living_entries(worker), {state.total for state in states.values()}) == (0, {0})


async def test_whoever_leaves_and_keeps_the_lists_has_them(worker: Worker) -> None:
    await worker.connected()
    await worker.runner().step()
    await worker.hears(left(lists_kept=True))

    assert await living_entries(worker) == 3


async def test_a_run_that_ends_after_the_customer_left_writes_nothing(worker: Worker) -> None:
    await worker.connected()
    real = worker.provider.read_list

    async def read_while_somebody_leaves(*asked: Any) -> Any:
        await worker.hears(left(lists_kept=False))
        return await real(*asked)

    worker.provider.read_list = read_while_somebody_leaves
    await worker.runner().step()

    assert await living_entries(worker) == 0
    [failed] = await worker.said(FAILED)
    assert failed["code"] == "connection_expired"
