import pytest

from simulator import settings

COMPLETE = {
    "RELINK_SIM__HOST": "127.0.0.1",
    "RELINK_SIM__PORT": "8100",
    "RELINK_SIM__PUBLIC_URL": "http://localhost:8100",
    "RELINK_SIM__STATE_FILE": "state.sqlite",
    **{
        f"RELINK_SIM__{client}__{name}": value
        for client in ("XERO", "QUICKBOOKS", "SAGE", "FREEAGENT", "OIDC")
        for name, value in (("CLIENT_ID", "id"), ("CLIENT_SECRET", "hidden"), ("REDIRECT_URIS", '["http://a"]'))
    },
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)


def test_complete_settings_are_read_with_the_real_limits() -> None:
    told = settings.load()
    assert (told.port, told.limits_factor, told.clock_offset_file) == (8100, 1, None)
    assert told.xero.redirect_uris == ["http://a"]
    assert "hidden" not in repr(told)


def test_a_missing_secret_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("RELINK_SIM__OIDC__CLIENT_SECRET")
    with pytest.raises(SystemExit) as left:
        settings.load()
    assert left.value.code == 2
    assert "RELINK_SIM__OIDC__CLIENT_SECRET" in capsys.readouterr().err


def test_an_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RELINK_SIM__LIMIT_FACTOR", "2")
    with pytest.raises(SystemExit):
        settings.load()
    assert "RELINK_SIM__LIMIT_FACTOR is not a setting" in capsys.readouterr().err
