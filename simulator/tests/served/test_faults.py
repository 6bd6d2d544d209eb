"""Faults on demand, seen as the client sees them."""

import time

import httpx2
import pytest
from build_simulator import a_quickbooks_bill, a_supplier, a_xero_bill

from simulator.testing import REALM, XERO_ORGANISATION, Api, Practice


@pytest.fixture
def xero(practice: Practice) -> Api:
    return practice.xero()


def put_bill(xero: Api):
    return xero.put("/Invoices", json=a_xero_bill(a_supplier(xero)["ContactID"]))


def test_a_cut_before_the_effect_leaves_nothing(practice: Practice, xero: Api) -> None:
    practice.fault(provider="xero", method="PUT", path_regex="/Invoices$", action={"cut": "before"})
    with pytest.raises(httpx2.RemoteProtocolError):
        put_bill(xero)
    assert practice.documents("xero", XERO_ORGANISATION) == []
    entry = practice.journal()[-1]
    assert (entry["status"], entry["effect"], entry["fault"]) == (None, None, '{"cut":"before"}')


def test_a_cut_after_the_effect_leaves_the_document_and_no_answer(practice: Practice, xero: Api) -> None:
    practice.fault(provider="xero", method="PUT", path_regex="/Invoices$", action={"cut": "after"})
    with pytest.raises(httpx2.RemoteProtocolError):
        put_bill(xero)
    (document,) = practice.documents("xero", XERO_ORGANISATION)
    entry = practice.journal()[-1]
    assert (entry["status"], entry["effect"]["id"]) == (None, document["id"])


def test_a_token_lost_on_its_way_back_was_rotated_all_the_same(practice: Practice) -> None:
    refresh_token = practice.connected("xero", XERO_ORGANISATION)["refresh_token"]
    practice.fault(path_regex="/connect/token$", action={"cut": "after"})
    with pytest.raises(httpx2.RemoteProtocolError):
        practice.refresh("xero", refresh_token)
    assert practice.refresh("xero", refresh_token).status_code == 200
    practice.move(31 * 60)
    assert practice.refresh("xero", refresh_token).status_code == 400


def test_a_cut_hits_one_connection_and_the_next_call_goes_through(practice: Practice, xero: Api) -> None:
    practice.fault(path_regex="/Organisation$", action={"cut": "before"})
    with pytest.raises(httpx2.TransportError):
        xero.get("/Organisation")
    assert xero.get("/Organisation").status_code == 200


def test_a_rule_lets_some_calls_through_then_hits_so_many(practice: Practice, xero: Api) -> None:
    practice.fault(path_regex="/Organisation$", after=1, times=2, action={"status": 503})
    assert [xero.get("/Organisation").status_code for _ in range(5)] == [200, 503, 503, 200, 200]


def test_a_rule_without_an_end_hits_until_it_is_deleted(practice: Practice, xero: Api) -> None:
    practice.fault(provider="xero", times=None, action={"status": 500})
    assert {xero.get("/Organisation").status_code for _ in range(4)} == {500}
    assert practice.get("/sim/faults").json()["faults"][0]["remaining"] is None
    assert practice.http.delete(practice.url + "/sim/faults").status_code == 204
    assert xero.get("/Organisation").status_code == 200


def test_a_rule_of_another_provider_or_method_does_not_hit(practice: Practice, xero: Api) -> None:
    practice.fault(provider="quickbooks", action={"status": 500})
    practice.fault(method="POST", action={"status": 500})
    assert xero.get("/Organisation").status_code == 200


def test_a_status_has_the_provider_s_own_body_and_headers(practice: Practice, xero: Api) -> None:
    practice.fault(path_regex="/Organisation$", action={"status": 429, "retry_after": 7})
    limited = xero.get("/Organisation")
    assert (limited.headers["Retry-After"], limited.headers["X-Rate-Limit-Problem"]) == ("7", "minute")
    practice.fault(path_regex="/Organisation$", action={"status": 503})
    assert xero.get("/Organisation").headers["content-type"].startswith("text/plain")
    practice.fault(provider="quickbooks", action={"status": 429})
    refused = practice.quickbooks
    with pytest.raises(AssertionError, match="fault"):
        refused()


def test_a_malformed_body_spoils_the_answer_but_not_the_effect(practice: Practice, xero: Api) -> None:
    practice.fault(method="PUT", path_regex="/Invoices$", action={"body": '{"Invoices": ['})
    answer = put_bill(xero)
    assert (answer.status_code, answer.text) == (200, '{"Invoices": [')
    assert len(practice.documents("xero", XERO_ORGANISATION)) == 1


def test_a_status_of_200_with_a_fault_in_it_has_no_effect(practice: Practice) -> None:
    quickbooks = practice.quickbooks()
    body = '{"Fault":{"Error":[{"Message":"m","Detail":"d","code":"6000"}],"type":"ValidationFault"}}'
    practice.fault(path_regex="/bill$", action={"status": 200, "body": body})
    answer = quickbooks.post("/bill", json=a_quickbooks_bill())
    assert (answer.status_code, answer.json()["Fault"]["Error"][0]["code"]) == (200, "6000")
    assert practice.documents("quickbooks", REALM) == []


def test_a_delay_comes_before_the_effect_and_outlives_a_client_that_gave_up(practice: Practice, xero: Api) -> None:
    body = a_xero_bill(a_supplier(xero)["ContactID"])
    practice.fault(method="PUT", path_regex="/Invoices$", action={"delay": 0.4})
    with pytest.raises(httpx2.ReadTimeout):
        xero.put("/Invoices", json=body, timeout=0.1)
    assert practice.documents("xero", XERO_ORGANISATION) == []
    time.sleep(0.6)
    assert len(practice.documents("xero", XERO_ORGANISATION)) == 1


@pytest.mark.parametrize(
    "rule", [{}, {"action": {"cut": "sometimes"}}, {"action": {}, "path_regex": "("}, {"action": {"status": 42}}]
)
def test_a_rule_that_means_nothing_is_refused(practice: Practice, rule: dict) -> None:
    assert practice.post("/sim/faults", json=rule).status_code == 422
