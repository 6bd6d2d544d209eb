"""The client library of freeagent-cli, unchanged, against practice FreeAgent.

A small one that other people use daily, and the only healthy one there is; it reads much and writes no bills.
"""

import pytest
from freeagent_cli import auth
from freeagent_cli import config as cfg
from freeagent_cli.api import FreeAgent

from simulator.testing import CLIENT_ID, CLIENT_SECRET, FREEAGENT_COMPANY, REDIRECT_URI, Practice


@pytest.fixture
def config(practice: Practice, tmp_path, monkeypatch: pytest.MonkeyPatch) -> cfg.Config:
    """Logged in, with a refresh token that is used before the first call."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    tokens = practice.connected("freeagent", FREEAGENT_COMPANY)
    return cfg.Config(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        redirect_uri=REDIRECT_URI,
        api_base=f"{practice.url}/freeagent",
        refresh_token=tokens["refresh_token"],
    )


def test_the_library_refreshes_its_token(config: cfg.Config) -> None:
    before = config.refresh_token
    auth.refresh(config)
    assert config.access_token
    assert config.refresh_token != before


def test_the_library_knows_who_is_logged_in(config: cfg.Config) -> None:
    assert FreeAgent(config).me()["permission_level"] == 8


def test_the_library_follows_the_links_to_the_last_page(config: cfg.Config) -> None:
    contacts = FreeAgent(config).get_all("/v2/contacts", "contacts", view="all")
    assert len({one["url"] for one in contacts}) == 520


def test_the_library_reads_categories_projects_and_bank_accounts(config: cfg.Config) -> None:
    freeagent = FreeAgent(config)
    groups = {one["group"] for one in freeagent.categories()}
    assert groups == {"admin_expenses", "cost_of_sales", "income", "general"}
    assert len(freeagent.projects()) == 3
    assert [one["type"] for one in freeagent.bank_accounts("credit_card_accounts")] == ["CreditCardAccount"]
