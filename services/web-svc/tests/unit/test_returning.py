"""Where a person may be sent after signing in."""

import pytest

from web_svc.domain.returning import safe_return


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/b/biz_demo/inbox?tab=waiting",
        "/b/biz_demo/items/itm_01",
        "/m/settings/integrations?said=settings.saved",
        "/m/business",
        "/connect/xero/reconnect",
        "/connect/quickbooks/disconnected?realmId=9130350000000001",
        "/b/biz_demo/settings/connections/con_01/organisation?from=inbox&attempt=att_01",
    ],
)
def test_one_of_our_own_pages_is_returned_to(path: str) -> None:
    assert safe_return(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "https://evil.example/b/biz_demo/inbox",
        "//evil.example/b/biz_demo/inbox",
        "/\\evil.example",
        "/b/biz_demo/inbox\r\nSet-Cookie: x=y",
        "/b/biz_demo/inbox\n",
        "/b/biz_demo/inbox/../../../sign-out",
        "/b/biz_demo/inbox?next=//evil.example",
        "/sign-in?return_to=/",
        "/oauth/start/att_1",
        "/connect/problem",
        "/connect/xero/reconnect/../../..",
    ],
)
def test_anything_else_leads_to_the_start(path: str | None) -> None:
    assert safe_return(path) == "/"
