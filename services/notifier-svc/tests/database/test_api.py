import pytest
from build_notifier_svc import Call, a_connection, a_notice

from chassis.database import Database
from notifier_svc.domain.notices import Channel, Stage, State
from notifier_svc.store import connections, notices

NOTICES = "/api/v1/notices"


@pytest.fixture(autouse=True)
async def told(database: Database) -> None:
    """Anna was told of an expiry and, a generation later, of another; there is a mail of it too."""
    in_app = {"channel": Channel.IN_APP, "state": State.SENT}
    async with database.transaction() as tx:
        await connections.remember(tx, a_connection(generation=2), 1)
        await notices.add(tx, a_notice(notice_id="ntc_1", **in_app))
        await notices.add(tx, a_notice(notice_id="ntc_2", generation=2, **in_app))
        await notices.add(tx, a_notice(notice_id="ntc_3", generation=2))
        await notices.add(tx, a_notice(notice_id="ntc_4", generation=2, recipient="usr_ben", **in_app))
        await notices.add(tx, a_notice(notice_id="ntc_5", generation=2, stage=Stage.REPAIRED, **in_app))


async def test_a_person_sees_his_own_notices_the_newest_first_and_no_mails(call: Call) -> None:
    items = (await call("GET", NOTICES)).json()["items"]

    assert [(item["notice_id"], item["stage"], item["still_true"]) for item in items] == [
        ("ntc_5", "repaired", True),
        ("ntc_2", "expired", True),
        ("ntc_1", "expired", False),
    ]
    assert items[1] | {"notice_id": "", "still_true": True} == {
        "notice_id": "",
        "stage": "expired",
        "connection_id": "con_1",
        "provider": "xero",
        "organisation_name": "Demo Trading Ltd",
        "title": "Your Xero connection has expired.",
        "body": "New items will wait to publish. Reconnect and we will send them for you.",
        "still_true": True,
        "happened_at": "2027-11-12T12:00:00Z",
        "created_at": "2027-11-12T12:00:00Z",
        "read_at": None,
    }


async def test_notices_come_in_pages(call: Call) -> None:
    first = (await call("GET", NOTICES, params={"limit": 2})).json()
    rest = (await call("GET", NOTICES, params={"limit": 2, "cursor": first["next"]})).json()

    assert [item["notice_id"] for item in first["items"] + rest["items"]] == ["ntc_5", "ntc_2", "ntc_1"]
    assert rest["next"] is None


async def test_a_read_notice_says_when_it_was_read_first(call: Call) -> None:
    assert [(await call("POST", f"{NOTICES}/ntc_2/read")).status_code for _ in range(2)] == [204, 204]

    items = (await call("GET", NOTICES)).json()["items"]
    assert [item["read_at"] for item in items] == [None, "2027-11-12T12:00:00Z", None]


@pytest.mark.parametrize(
    ("notice", "who"),
    [
        ("ntc_4", {}),
        ("ntc_3", {}),
        ("ntc_2", {"business": "biz_other"}),
        ("ntc_2", {"user": "usr_ben"}),
        ("ntc_9", {}),
    ],
    ids=["another person's", "a mail", "in another business", "by another person", "unknown"],
)
async def test_what_is_not_ones_own_notice_cannot_be_read(call: Call, notice: str, who: dict[str, str]) -> None:
    answer = await call("POST", f"{NOTICES}/{notice}/read", **who)

    assert (answer.status_code, answer.json()["code"]) == (404, "notice_unknown")


async def test_another_business_has_no_notices_of_ours(call: Call) -> None:
    assert (await call("GET", NOTICES, business="biz_other")).json()["items"] == []
