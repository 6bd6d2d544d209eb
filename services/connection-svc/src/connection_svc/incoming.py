"""What providers give us, as our own values, and back."""

from dataclasses import replace
from datetime import datetime

from connection_svc.domain.connection import Organisation
from connection_svc.domain.grant import Tokens, Usable, idle_refresh_at
from providers import Provider
from providers.models import Grant as ProviderGrant


def tokens_from(granted: ProviderGrant, provider: Provider, *, now: datetime) -> Tokens:
    """The tokens obtained at `now`. Where the provider names no end, its facts tell how long they live unused.

    An end that the provider names sooner than that counts: some grants are not prolonged by their use.
    """
    dies_at = granted.refresh_expires_at or now + provider.facts.idle_limit
    idle_limit = min(provider.facts.idle_limit, dies_at - now)
    return Tokens(
        access_token=granted.access_token,
        refresh_token=granted.refresh_token,
        access_expires_at=granted.access_expires_at,
        refresh_expires_at=dies_at,
        scopes=granted.scopes,
        authorisation_event=granted.authorisation_event,
        obtained_at=now,
        idle_refresh_at=idle_refresh_at(now, idle_limit=idle_limit),
    )


def renewed(before: Tokens, granted: ProviderGrant, provider: Provider, *, now: datetime) -> Tokens:
    """Like `tokens_from`, of a refresh: it may leave out which login the grant came from."""
    tokens = tokens_from(granted, provider, now=now)
    return replace(tokens, authorisation_event=tokens.authorisation_event or before.authorisation_event)


def grant_of_login(tokens: Tokens, organisation: Organisation) -> ProviderGrant:
    """For asking the provider about the login that gave these tokens."""
    return ProviderGrant(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        access_expires_at=tokens.access_expires_at,
        refresh_expires_at=tokens.refresh_expires_at,
        scopes=tokens.scopes,
        organisation_hint=organisation.id,
        authorisation_event=tokens.authorisation_event,
    )


def grant_of_any_login(tokens: Tokens, organisation: Organisation) -> ProviderGrant:
    """For asking whether the organisation can be reached at all: a later login may have granted it again."""
    return replace(grant_of_login(tokens, organisation), authorisation_event=None)


def grant_of_access(usable: Usable) -> ProviderGrant:
    """For asking the provider anything that an access token suffices for."""
    return ProviderGrant(
        access_token=usable.access_token,
        refresh_token="",
        access_expires_at=usable.expires_at,
        refresh_expires_at=None,
        scopes=(),
        organisation_hint=usable.organisation_id,
        authorisation_event=None,
    )
