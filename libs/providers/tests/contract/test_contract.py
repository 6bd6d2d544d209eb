"""What every adapter promises, tried on its practice provider.

It cannot catch where practice and truth differ: the simulator is built from the same fact sheet. The providers' own
client libraries run against it in its own tests.
"""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx2
import pytest
from build_providers import NOON, PDF

from providers.errors import (
    BudgetSpent,
    GrantRefused,
    OrganisationGone,
    OutcomeUnknown,
    ProviderUnavailable,
    Refused,
    Throttled,
    TokenRejected,
)
from providers.interface import NamedBy, Revocation, Rotation
from providers.models import Access, Destination, Document, Grant, ListName
from simulator.testing import REDIRECT_URI, VERIFIER, Target

REFRESH = Target("POST", "/(token|bearer|token_endpoint)$")


async def refreshed_and_read(world, grant: Grant) -> None:
    fresh = await world.provider.refresh(grant.refresh_token, NOON)
    await world.entries(Access(fresh.access_token, world.organisation), ListName.ORGANISATION)


def by_callback(world) -> bool:
    return world.provider.facts.named_by is NamedBy.CALLBACK


# Logging in


async def test_a_login_gives_a_grant_for_the_organisation_that_was_chosen(world) -> None:
    grant = await world.granted()
    [organisation] = await world.provider.organisations(grant)
    assert (organisation.id, organisation.name) == (world.organisation, "Demo Trading Ltd")
    assert grant.access_expires_at - NOON == world.provider.facts.access_lifetime
    assert grant.refresh_expires_at is not None
    assert grant.refresh_expires_at - NOON == world.provider.facts.idle_limit


async def test_another_login_names_its_own_organisation_only(world) -> None:
    await world.granted()
    grant = await world.granted(organisation=world.known.other_organisation)
    assert [one.id for one in await world.provider.organisations(grant)] == [world.known.other_organisation]


async def test_a_code_is_good_once(world) -> None:
    callback = world.login()
    await world.provider.exchange(callback["code"], VERIFIER, REDIRECT_URI, callback, NOON)
    with pytest.raises(GrantRefused, match="code_refused"):
        await world.provider.exchange(callback["code"], VERIFIER, REDIRECT_URI, callback, NOON)


async def test_a_login_without_a_needed_permission_is_no_grant(world) -> None:
    with pytest.raises(GrantRefused, match="scope_missing") as refused:
        await world.granted(scenario="scope_missing")
    assert refused.value.missing


async def test_a_refreshed_grant_works(world) -> None:
    grant = await world.provider.refresh((await world.granted()).refresh_token, NOON)
    access = Access(grant.access_token, world.organisation)
    assert await world.entries(access, ListName.ORGANISATION)


async def test_a_refresh_always_rotates_where_the_facts_say_so(world) -> None:
    grant = await world.granted()
    refreshed = await world.provider.refresh(grant.refresh_token, NOON)
    rotated = refreshed.refresh_token != grant.refresh_token
    assert rotated == (world.provider.facts.rotation is Rotation.ALWAYS)


async def test_a_refresh_whose_answer_was_lost_can_be_repeated_unless_the_token_was_rotated_without_a_grace(
    world,
) -> None:
    grant, facts = await world.granted(), world.provider.facts
    world.fault(REFRESH, cut="after")
    with pytest.raises(ProviderUnavailable):
        await world.provider.refresh(grant.refresh_token, NOON)
    if facts.rotation is Rotation.ALWAYS and not facts.refresh_grace:
        with pytest.raises(GrantRefused, match="grant_revoked"):
            await world.provider.refresh(grant.refresh_token, NOON)
    else:
        assert await world.provider.refresh(grant.refresh_token, NOON)


async def test_a_replaced_refresh_token_works_no_longer_than_its_grace(world) -> None:
    first, facts = await world.granted(), world.provider.facts
    world.practice.move(25 * 3600)  # QuickBooks rotates once a day
    await world.provider.refresh(first.refresh_token, NOON)
    world.practice.move((timedelta(hours=25) + facts.refresh_grace + timedelta(minutes=1)).total_seconds())
    with pytest.raises(GrantRefused, match="grant_revoked"):
        await world.provider.refresh(first.refresh_token, NOON)


async def test_access_withdrawn_at_the_provider_shows_as_the_facts_say(world) -> None:
    grant = await world.granted()
    world.practice.withdraw(world.provider.name, world.organisation)
    with pytest.raises(world.provider.facts.disconnect_seen_as):
        await refreshed_and_read(world, grant)


async def test_tokens_that_expired_are_rejected_and_the_grant_refused(world) -> None:
    grant = await world.granted()
    world.practice.expire(world.provider.name, world.organisation)
    with pytest.raises(TokenRejected):
        await world.entries(Access(grant.access_token, world.organisation), ListName.ORGANISATION)
    with pytest.raises(GrantRefused, match="grant_revoked"):
        await world.provider.refresh(grant.refresh_token, NOON)


async def test_an_access_token_dies_of_age_and_the_grant_does_not(world) -> None:
    grant = await world.granted()
    world.practice.move(2 * 3600)
    with pytest.raises(TokenRejected):
        await world.entries(Access(grant.access_token, world.organisation), ListName.ORGANISATION)
    assert await world.provider.refresh(grant.refresh_token, NOON)


async def test_a_token_that_is_none_is_rejected(world) -> None:
    with pytest.raises(TokenRejected):
        await world.entries(Access("no-token", world.organisation), ListName.ORGANISATION)


async def test_giving_a_grant_back_does_what_the_facts_say(world) -> None:
    grant, facts = await world.granted(), world.provider.facts
    access = Access(grant.access_token, world.organisation)
    await world.provider.revoke(replace(grant, organisation_hint=world.organisation))
    if facts.revocation is Revocation.AT_ONCE:
        with pytest.raises((TokenRejected, OrganisationGone)):
            await world.entries(access, ListName.ORGANISATION)
    else:
        assert await world.entries(access, ListName.ORGANISATION)
    if facts.revocation is Revocation.NOT_OFFERED:
        await refreshed_and_read(world, grant)
    else:
        with pytest.raises((GrantRefused, OrganisationGone)):
            await refreshed_and_read(world, grant)


async def test_the_organisation_is_named_by_whom_the_facts_say(world) -> None:
    grant = await world.granted()
    refreshed = await world.provider.refresh(grant.refresh_token, NOON)
    named = [one.id for one in await world.provider.organisations(replace(refreshed, organisation_hint=None))]
    assert grant.organisation_hint == (world.organisation if by_callback(world) else None)
    assert named == ([] if by_callback(world) else [world.organisation])


async def test_a_login_for_two_organisations_is_possible_only_where_a_list_names_them(world) -> None:
    page = world.practice.consent_page(world.provider.name)
    answer = world.practice.decide(page, world.organisation, "two_organisations")
    assert (answer.status_code == httpx2.codes.SEE_OTHER) == (world.provider.facts.named_by is NamedBy.LIST)


# Reading


@pytest.mark.parametrize("list_name", list(ListName))
async def test_every_list_it_says_it_has_can_be_read_whole(world, list_name: ListName) -> None:
    access = await world.access()
    if list_name not in world.provider.facts.lists:
        with pytest.raises(LookupError):
            await world.provider.read_list(access, list_name, None)
        return
    reading = await world.provider.read_list(access, list_name, None)
    ids = [entry.external_id for entry in reading.entries]
    assert ids
    assert len(set(ids)) == len(ids)
    assert {entry.list for entry in reading.entries} == {list_name}
    assert not [one for one in ids if "/" in one]
    assert reading.is_full
    assert reading.cost.calls >= 1
    assert reading.cost.bytes_received > len(ids)


async def test_the_chart_and_the_contacts_are_as_large_as_practised(world) -> None:
    access = await world.access()
    assert len(await world.entries(access, ListName.ACCOUNTS)) >= 90
    suppliers = {entry.name for entry in await world.entries(access, ListName.SUPPLIERS)}
    customers = {entry.name for entry in await world.entries(access, ListName.CUSTOMERS)}
    assert len(suppliers | customers) >= 500


async def test_lists_that_can_tell_say_only_what_changed(world) -> None:
    access = await world.access()
    await world.provider.ensure_supplier(access, "Brand New Paper Ltd", "a-key")
    since = datetime.now(UTC) + timedelta(hours=1)
    for list_name in world.provider.facts.incremental_lists:
        reading = await world.provider.read_list(access, list_name, since)
        assert (reading.entries, reading.is_full) == ((), False)
    reading = await world.provider.read_list(access, ListName.SUPPLIERS, datetime.now(UTC) - timedelta(seconds=30))
    assert "Brand New Paper Ltd" in [entry.name for entry in reading.entries]


async def test_children_name_a_parent_of_their_list(world) -> None:
    access = await world.access()
    for list_name in world.provider.facts.lists:
        entries = await world.entries(access, list_name)
        assert {entry.parent_id for entry in entries if entry.parent_id} <= {entry.external_id for entry in entries}


async def test_a_foreign_organisation_cannot_be_read(world) -> None:
    access = await world.access()
    with pytest.raises((OrganisationGone, Refused)):
        await world.entries(replace(access, organisation_id=world.known.other_organisation), ListName.ACCOUNTS)


async def test_each_call_about_an_organisation_takes_a_permit(world, soon) -> None:
    taken = 0

    async def permit() -> None:
        nonlocal taken
        taken += 1

    access = replace(await world.access(), permit=permit)
    before = len(world.practice.journal(provider=world.provider.name))
    bill = await world.a_bill(access)
    published = await world.provider.create_bill(access, bill, "key-1", soon())
    await world.provider.attach(access, published, PDF)
    await world.provider.find_bill(access, bill)
    calls = world.practice.journal(provider=world.provider.name)[before:]
    assert taken == len(calls) > 0


async def test_without_a_permit_nothing_is_sent(world) -> None:
    async def no_permit() -> None:
        raise BudgetSpent(timedelta(seconds=7))

    access = replace(await world.access(), permit=no_permit)
    before = len(world.practice.journal(provider=world.provider.name))
    with pytest.raises(BudgetSpent):
        await world.entries(access, ListName.ACCOUNTS)
    assert len(world.practice.journal(provider=world.provider.name)) == before


# Writing


async def test_a_bill_is_there_once_with_our_reference_and_every_cent(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    published = await world.provider.create_bill(access, bill, "key-1", soon())
    [document] = world.documents()
    assert document["id"] == published.provider_reference
    assert bill.reference in document["reference"]
    assert Decimal(str(document["total"])) >= Decimal("120.45")


async def test_the_same_key_again_writes_nothing(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    first = await world.provider.create_bill(access, bill, "key-1", soon())
    assert await world.provider.create_bill(access, bill, "key-1", soon()) == first
    assert len(world.documents()) == 1


async def test_a_bill_whose_answer_was_lost_is_found_and_was_written_once(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    world.fault(world.known.writes_bill, cut="after")
    with pytest.raises(OutcomeUnknown):
        await world.provider.create_bill(access, bill, "key-1", soon())
    found = await world.provider.find_bill(access, bill)
    [document] = world.documents()
    assert found is not None
    assert found.provider_reference == document["id"]


async def test_a_bill_that_never_arrived_is_not_found(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    world.fault(world.known.writes_bill, cut="before")
    with pytest.raises(OutcomeUnknown):
        await world.provider.create_bill(access, bill, "key-1", soon())
    assert await world.provider.find_bill(access, bill) is None


async def test_a_bill_that_took_too_long_is_in_doubt_and_found_later(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    world.fault(world.known.writes_bill, delay=3)
    with pytest.raises(OutcomeUnknown, match="timeout"):
        await world.provider.create_bill(access, bill, "key-1", soon())
    await asyncio.sleep(1.5)
    assert await world.provider.find_bill(access, bill) is not None


async def test_a_bill_of_the_same_number_that_is_not_ours_is_not_taken_for_ours(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    await world.provider.create_bill(access, replace(bill, reference="itm_another/1"), "key-1", soon())
    assert await world.provider.find_bill(access, bill) is None


async def test_a_second_publication_is_another_bill(world, soon) -> None:
    access = await world.access()
    first = await world.a_bill(access)
    second = replace(first, reference="itm_0192/2", number="INV-2026-0043")
    one = await world.provider.create_bill(access, first, "key-1", soon())
    two = await world.provider.create_bill(access, second, "key-2", soon())
    assert one != two
    assert await world.provider.find_bill(access, second) == two


async def test_nothing_is_sent_after_the_deadline(world) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    with pytest.raises(ProviderUnavailable, match="deadline_passed"):
        await world.provider.create_bill(access, bill, "key-1", time.monotonic() - 1)
    assert world.documents() == []


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_leaves_a_write_in_doubt(world, soon, status: int) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    world.fault(world.known.writes_bill, status=status)
    with pytest.raises(OutcomeUnknown):
        await world.provider.create_bill(access, bill, "key-1", soon())


async def test_an_answer_that_cannot_be_read_leaves_a_write_in_doubt(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    world.fault(world.known.writes_bill, body='{"Invoices": [{')
    with pytest.raises(OutcomeUnknown, match="malformed"):
        await world.provider.create_bill(access, bill, "key-1", soon())
    assert await world.provider.find_bill(access, bill) is not None


async def test_a_throttled_call_obeys_the_provider(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    world.fault(world.known.writes_bill, status=429, retry_after=7)
    with pytest.raises(Throttled) as limit:
        await world.provider.create_bill(access, bill, "key-1", soon())
    assert limit.value.retry_after == timedelta(seconds=7)
    assert world.documents() == []


async def test_an_account_that_does_not_exist_is_a_missing_category(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    unknown = replace(bill, lines=(replace(bill.lines[0], account_id="99999"),))
    with pytest.raises(Refused) as refusal:
        await world.provider.create_bill(access, unknown, "key-1", soon())
    assert [problem.code for problem in refusal.value.problems] == ["category_missing"]
    assert world.documents() == []


async def test_a_supplier_that_does_not_exist_is_missing(world, soon) -> None:
    access = await world.access()
    unknown = await world.a_bill(access, supplier_id="00000000-0000-0000-0000-000000099999")
    with pytest.raises(Refused) as refusal:
        await world.provider.create_bill(access, unknown, "key-1", soon())
    assert refusal.value.problems[0].code == "supplier_missing"


async def test_a_tax_rate_that_does_not_exist_does_not_fit(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access)
    unknown = replace(bill, lines=(replace(bill.lines[0], tax_rate_id="NOPE"),))
    with pytest.raises(Refused) as refusal:
        await world.provider.create_bill(access, unknown, "key-1", soon())
    assert refusal.value.problems[0].code == "tax_mismatch"


async def test_a_currency_that_is_not_enabled_is_named(world, soon) -> None:
    access = await world.access()
    bill = await world.a_bill(access, currency="XOF")
    with pytest.raises(Refused) as refusal:
        await world.provider.create_bill(access, bill, "key-1", soon())
    assert refusal.value.problems[0].code == "currency_unsupported"


async def test_a_bill_with_tax_and_every_destination_is_accepted(world, soon) -> None:
    access = await world.access()
    accounts = {entry.external_id: entry for entry in await world.entries(access, ListName.ACCOUNTS)}
    bill = await world.a_bill(access)
    rates = [entry for entry in await world.entries(access, ListName.TAX_RATES) if entry.active]
    allowed = accounts[bill.lines[0].account_id].valid_tax_rates
    rate = next(one for one in rates if allowed is None or one.external_id in allowed)
    taxed = replace(bill, lines=(replace(bill.lines[0], tax_rate_id=rate.external_id),))
    for number, destination in enumerate(Destination):
        wanted = replace(taxed, reference=f"itm_{number}/1", number=f"N-{number}", destination=destination)
        await world.provider.create_bill(access, wanted, f"key-{number}", soon())
    assert len(world.documents()) == 3


# Files and suppliers


async def test_a_file_is_attached_once_however_often_it_is_asked_for(world, soon) -> None:
    access = await world.access()
    published = await world.provider.create_bill(access, await world.a_bill(access), "key-1", soon())
    await world.provider.attach(access, published, PDF)
    await world.provider.attach(access, published, PDF)
    [document] = world.documents()
    assert [file["file_name"] for file in document["attachments"]] == [PDF.file_name]


async def test_a_file_whose_answer_was_lost_is_attached_once(world, soon) -> None:
    access = await world.access()
    published = await world.provider.create_bill(access, await world.a_bill(access), "key-1", soon())
    world.fault(world.known.writes_file, cut="after")
    with pytest.raises(OutcomeUnknown):
        await world.provider.attach(access, published, PDF)
    await world.provider.attach(access, published, PDF)
    [document] = world.documents()
    assert len(document["attachments"]) == 1


async def test_a_file_name_of_any_kind_arrives(world, soon) -> None:
    access = await world.access()
    published = await world.provider.create_bill(access, await world.a_bill(access), "key-1", soon())
    odd = Document("Rechnung Müller 1.pdf", "application/pdf", b"%PDF-1.4")
    await world.provider.attach(access, published, odd)
    await world.provider.attach(access, published, odd)
    [document] = world.documents()
    assert [file["file_name"] for file in document["attachments"]] == [odd.file_name]


async def test_a_supplier_is_created_once_however_often_it_is_asked_for(world) -> None:
    access = await world.access()
    first = await world.provider.ensure_supplier(access, "O'Brien & Söhne Paper", "key-1")
    assert await world.provider.ensure_supplier(access, "O'Brien & Söhne Paper", "key-2") == first
    assert first in {entry.external_id for entry in await world.entries(access, ListName.SUPPLIERS)}


async def test_a_supplier_whose_answer_was_lost_is_found(world) -> None:
    access = await world.access()
    world.fault(world.known.writes_supplier, cut="after")
    with pytest.raises(OutcomeUnknown):
        await world.provider.ensure_supplier(access, "Brand New Paper Ltd", "key-1")
    first = await world.provider.ensure_supplier(access, "Brand New Paper Ltd", "key-1")
    assert await world.provider.ensure_supplier(access, "Brand New Paper Ltd", "key-1") == first
