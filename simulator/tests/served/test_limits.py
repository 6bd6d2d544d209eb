"""The real limits, in real time."""

from concurrent.futures import ThreadPoolExecutor

from simulator.testing import OTHER_XERO_ORGANISATION, Practice


def test_xero_takes_sixty_calls_a_minute_and_says_when_to_come_back(strict_practice: Practice) -> None:
    xero = strict_practice.xero()
    answers = [xero.get("/Organisation") for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert answers[0].headers["X-MinLimit-Remaining"] == "59"
    assert answers[0].headers["X-DayLimit-Remaining"] == "4999"
    assert int(answers[0].headers["X-AppMinLimit-Remaining"]) < 10_000
    assert answers[60].headers["X-Rate-Limit-Problem"] == "minute"
    assert 0 < int(answers[60].headers["Retry-After"]) <= 60
    # Another organisation has a minute of its own, and the domain clock moves none.
    assert strict_practice.xero(OTHER_XERO_ORGANISATION).get("/Organisation").status_code == 200
    strict_practice.move(120)
    assert xero.get("/Organisation").status_code == 429


def test_xero_takes_five_calls_at_once_and_gives_no_retry_after(strict_practice: Practice) -> None:
    xero = strict_practice.xero()
    strict_practice.fault(path_regex="/Organisation$", times=6, action={"delay": 0.5})
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: xero.get("/Organisation"), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429]
    (refused,) = [answer for answer in answers if answer.status_code == 429]
    assert refused.headers["X-Rate-Limit-Problem"] == "concurrent"
    assert "Retry-After" not in refused.headers


def test_connections_tell_only_the_application_s_limit(strict_practice: Practice) -> None:
    xero = strict_practice.xero()
    answer = strict_practice.get("/xero/connections", headers={"authorization": xero.headers["authorization"]})
    assert "X-AppMinLimit-Remaining" in answer.headers
    assert "X-MinLimit-Remaining" not in answer.headers


def test_quickbooks_takes_ten_calls_a_second_and_promises_no_time(strict_practice: Practice) -> None:
    quickbooks = strict_practice.quickbooks()
    answers = [quickbooks.get("/preferences") for _ in range(25)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert [answer.status_code for answer in answers[:10]] == [200] * 10
    assert refused[0].json()["fault"]["error"][0]["code"] == "3001"
    assert "Retry-After" not in refused[0].headers
