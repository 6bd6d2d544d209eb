"""A token server as Sage and FreeAgent have one: each refresh brings a new refresh token and ends the old one."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from simulator import grants
from simulator.calls import Answer, Call, json_answer
from simulator.encoding import Json
from simulator.grants import Grant, oauth_error
from simulator.journal import Effect
from simulator.settings import OAuthClient
from simulator.state import Tx


@dataclass(frozen=True)
class TokenServer:
    """Credentials are taken from HTTP Basic and from the form; PKCE is checked whenever a challenge was sent."""

    provider: str
    client: OAuthClient
    access_lifetime: timedelta
    refresh_lifetime: timedelta
    says_more: Callable[[Grant], Json]
    """What this provider adds to every token answer."""

    def answer(self, call: Call, tx: Tx) -> Answer:
        form = grants.form_of(call)
        grants.require_client(call, form, self.client, refused_with=401)
        flows: dict[str | None, Callable[[], Answer]] = {
            "authorization_code": lambda: self._exchange(call, form, tx),
            "refresh_token": lambda: self._refresh(call, form, tx),
        }
        flow = flows.get(form.get("grant_type"))
        return flow() if flow else oauth_error("unsupported_grant_type")

    def _exchange(self, call: Call, form: Mapping[str, str], tx: Tx) -> Answer:
        grant = grants.redeem_code(tx, self.provider, form, at=call.now)
        return self._issue(call, grant, tx, "grant") if grant else oauth_error("invalid_grant")

    def _refresh(self, call: Call, form: Mapping[str, str], tx: Tx) -> Answer:
        token = grants.find_refresh_token(tx, self.provider, form.get("refresh_token", ""))
        if token is None or token.grant.ended or token.replaced_at is not None or token.expires_at <= call.now:
            return oauth_error("invalid_grant")
        grants.replace_refresh_token(tx, token.token, at=call.now)
        return self._issue(call, token.grant, tx, "refresh")

    def _issue(self, call: Call, grant: Grant, tx: Tx, effect: str) -> Answer:
        access_token, refresh_token = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        grants.issue_access_token(tx, grant, access_token, expires_at=call.now + self.access_lifetime)
        grants.issue_refresh_token(tx, grant, refresh_token, at=call.now, lifetime=self.refresh_lifetime)
        body: Json = {
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": int(self.access_lifetime.total_seconds()),
            "refresh_token": refresh_token,
            "refresh_token_expires_in": int(self.refresh_lifetime.total_seconds()),
            **self.says_more(grant),
        }
        return json_answer(body, effect=Effect(effect, grant.id))
