"""Practice FreeAgent's login and token endpoint. There are no scopes: what the person may do decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from simulator import grants
from simulator.calls import Answer, Call, Refusal
from simulator.freeagent.formats import PROVIDER, refuse, throttled
from simulator.grants import AccessToken, Grant
from simulator.limits import Window, count
from simulator.pages import Consent, LoginFace, Scenario
from simulator.rotating import TokenServer
from simulator.settings import OAuthClient
from simulator.state import Tx

CODE_LIFETIME = timedelta(minutes=15)
ACCESS_LIFETIME = timedelta(hours=1)
REFRESH_LIFETIME = timedelta(seconds=631_151_957)
TOKENS_A_MINUTE = Window("tokens", 15, 60)
RIGHTS = {
    "level-3": "Read and write contacts and projects",
    "level-8": "Read and write everything else in FreeAgent",
}
"""The person's permission levels, in place of scopes."""
LEVEL_WITHOUT_BILLS, FULL_LEVEL = 3, 8


def login_face(client: OAuthClient) -> LoginFace:
    """A token opens exactly one company, so neither two nor none can be connected."""
    impossible = {Scenario.TWO_ORGANISATIONS, Scenario.NO_ORGANISATION}
    return LoginFace(
        provider=PROVIDER,
        display_name="FreeAgent",
        client=client,
        scopes=RIGHTS,
        missing_scope="level-8",
        scenarios=[scenario for scenario in Scenario if scenario not in impossible],
        invented_organisation="Locked Holdings Ltd",
        agree=_agree,
        unasked=tuple(RIGHTS),
    )


def _agree(tx: Tx, consent: Consent, now: datetime) -> Mapping[str, str]:
    code = grants.consent(
        tx,
        grant_id=str(uuid4()),
        request=consent.request,
        user=consent.user,
        scopes=consent.scopes,
        organisation=consent.organisations[0],
        code_lifetime=CODE_LIFETIME,
        at=now,
    )
    return {"code": code}


@dataclass(frozen=True)
class FreeAgentIdentity:
    client: OAuthClient
    limits_factor: int

    def token(self, call: Call, tx: Tx) -> Answer:
        """Has a limit of its own."""
        if exceeded := count(call, tx, [TOKENS_A_MINUTE], factor=self.limits_factor).exceeded:
            raise Refusal(throttled(TOKENS_A_MINUTE.calls, TOKENS_A_MINUTE.seconds, exceeded.retry_after))
        server = TokenServer(PROVIDER, self.client, ACCESS_LIFETIME, REFRESH_LIFETIME, lambda _grant: {})
        return server.answer(call, tx)


def authenticated(call: Call, tx: Tx) -> AccessToken:
    """The caller's token, or FreeAgent's refusal of it."""
    token = grants.bearer(call)
    found = grants.find_access_token(tx, PROVIDER, token) if token else None
    if found is None or found.grant.ended or found.expires_at <= call.now:
        raise refuse(401, "Access token not recognised")
    return found


def level_of(grant: Grant) -> int:
    return FULL_LEVEL if "level-8" in grant.scopes else LEVEL_WITHOUT_BILLS
