"""What the practice OAuth servers remember: login requests, consents, codes and tokens.

All providers and the sign-in issuer share the storage; the rules of each are in its own module.
"""

import base64
import hashlib
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import parse_qs, unquote_plus

from simulator.calls import Answer, Call, Refusal, json_answer
from simulator.clock import from_ms, to_ms
from simulator.settings import OAuthClient
from simulator.state import Tx

LOGIN_MAY_TAKE = timedelta(minutes=30)


@dataclass(frozen=True)
class AuthorizeRequest:
    id: str
    provider: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    code_challenge: str | None
    nonce: str | None
    login_hint: str | None
    user: str | None
    status: Literal["open", "answered", "expired"]


@dataclass(frozen=True)
class Grant:
    """One consent of one user. `organisation` is set where a consent names exactly one (QuickBooks, FreeAgent)."""

    id: str
    provider: str
    user: str
    scopes: tuple[str, ...]
    organisation: str | None
    nonce: str | None
    created_at: datetime
    ended: bool


@dataclass(frozen=True)
class RefreshToken:
    token: str
    grant: Grant
    issued_at: datetime
    expires_at: datetime
    replaced_at: datetime | None


@dataclass(frozen=True)
class AccessToken:
    grant: Grant
    expires_at: datetime


# Login requests


def open_request(  # noqa: PLR0913 - the parameters of an authorize call
    tx: Tx,
    *,
    provider: str,
    client_id: str,
    redirect_uri: str,
    scopes: tuple[str, ...],
    query: Mapping[str, str],
    at: datetime,
) -> str:
    request_id = secrets.token_urlsafe(16)
    tx.execute(
        "INSERT INTO authorize_requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 'open', ?)",
        (
            request_id,
            provider,
            client_id,
            redirect_uri,
            " ".join(scopes),
            query.get("state"),
            query.get("code_challenge"),
            query.get("nonce"),
            query.get("login_hint"),
            to_ms(at),
        ),
    )
    return request_id


def find_request(tx: Tx, provider: str, request_id: str, *, at: datetime) -> AuthorizeRequest | None:
    """The request, `expired` once it is older than LOGIN_MAY_TAKE."""
    row = tx.execute(
        "SELECT * FROM authorize_requests WHERE id = ? AND provider = ?", (request_id, provider)
    ).fetchone()
    if row is None:
        return None
    too_old = row["status"] == "open" and from_ms(row["created_at"]) + LOGIN_MAY_TAKE <= at
    return AuthorizeRequest(
        row["id"],
        row["provider"],
        row["client_id"],
        row["redirect_uri"],
        tuple(row["scopes"].split()),
        row["state"],
        row["code_challenge"],
        row["nonce"],
        row["login_hint"],
        row["user"],
        "expired" if too_old else row["status"],
    )


def sign_in(tx: Tx, request_id: str, user: str) -> None:
    tx.execute("UPDATE authorize_requests SET user = ? WHERE id = ?", (user, request_id))


def close_request(tx: Tx, request_id: str, status: Literal["answered", "expired"]) -> None:
    tx.execute("UPDATE authorize_requests SET status = ? WHERE id = ?", (status, request_id))


# Consents and codes


def consent(  # noqa: PLR0913 - one row
    tx: Tx, *, grant_id: str, request: AuthorizeRequest, user: str, scopes: tuple[str, ...], organisation: str | None,
    code_lifetime: timedelta, at: datetime,
) -> str:  # fmt: skip
    """Record the consent and return the code that the client may exchange for it, once."""
    tx.execute(
        "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
        (grant_id, request.provider, user, " ".join(scopes), organisation, request.nonce, to_ms(at)),
    )
    code = secrets.token_urlsafe(24)
    tx.execute(
        "INSERT INTO codes VALUES (?, ?, ?, ?, ?, NULL)",
        (code, grant_id, request.redirect_uri, request.code_challenge, to_ms(at + code_lifetime)),
    )
    return code


def redeem_code(tx: Tx, provider: str, form: Mapping[str, str], *, at: datetime) -> Grant | None:
    """The consent behind a code, used up by this; None when the code, its redirect URI or its verifier is wrong."""
    row = tx.execute(
        "SELECT codes.*, grants.provider FROM codes JOIN grants ON grants.id = codes.grant_id WHERE code = ?",
        (form.get("code", ""),),
    ).fetchone()
    if row is None or row["provider"] != provider or row["used_at"] is not None or row["expires_at"] <= to_ms(at):
        return None
    tx.execute("UPDATE codes SET used_at = ? WHERE code = ?", (to_ms(at), row["code"]))
    if row["redirect_uri"] != form.get("redirect_uri"):
        return None
    if row["code_challenge"] and row["code_challenge"] != _challenge(form.get("code_verifier", "")):
        return None
    return find_grant(tx, row["grant_id"])


def find_grant(tx: Tx, grant_id: str) -> Grant | None:
    row = tx.execute("SELECT * FROM grants WHERE id = ?", (grant_id,)).fetchone()
    return row and _grant(row)


def of_organisation(tx: Tx, provider: str, organisation_id: str) -> list[str]:
    """The ids of the consents that name this organisation alone and have not ended."""
    rows = tx.execute(
        "SELECT id FROM grants WHERE provider = ? AND organisation = ? AND ended_at IS NULL",
        (provider, organisation_id),
    )
    return [row["id"] for row in rows]


def end(tx: Tx, grant_id: str, *, at: datetime) -> None:
    """Nothing that was issued for this consent works from now on."""
    tx.execute("UPDATE grants SET ended_at = coalesce(ended_at, ?) WHERE id = ?", (to_ms(at), grant_id))


# Tokens


def issue_refresh_token(tx: Tx, grant: Grant, token: str, *, at: datetime, lifetime: timedelta) -> RefreshToken:
    expires_at = at + lifetime
    tx.execute("INSERT INTO refresh_tokens VALUES (?, ?, ?, ?, NULL)", (token, grant.id, to_ms(at), to_ms(expires_at)))
    return RefreshToken(token, grant, at, expires_at, None)


def find_refresh_token(tx: Tx, provider: str, token: str) -> RefreshToken | None:
    """Also one that expired or was replaced: whether it still counts is the provider's rule."""
    row = tx.execute("SELECT * FROM refresh_tokens WHERE token = ?", (token,)).fetchone()
    grant = row and find_grant(tx, row["grant_id"])
    if grant is None or grant.provider != provider:
        return None
    replaced_at = from_ms(row["replaced_at"]) if row["replaced_at"] is not None else None
    return RefreshToken(token, grant, from_ms(row["issued_at"]), from_ms(row["expires_at"]), replaced_at)


def replace_refresh_token(tx: Tx, token: str, *, at: datetime) -> None:
    tx.execute("UPDATE refresh_tokens SET replaced_at = coalesce(replaced_at, ?) WHERE token = ?", (to_ms(at), token))


def prolong_refresh_token(tx: Tx, token: str, *, until: datetime) -> None:
    tx.execute("UPDATE refresh_tokens SET expires_at = ? WHERE token = ?", (to_ms(until), token))


def issue_access_token(tx: Tx, grant: Grant, token: str, *, expires_at: datetime) -> None:
    tx.execute("INSERT INTO access_tokens VALUES (?, ?, ?)", (token, grant.id, to_ms(expires_at)))


def find_access_token(tx: Tx, provider: str, token: str) -> AccessToken | None:
    row = tx.execute("SELECT * FROM access_tokens WHERE token = ?", (token,)).fetchone()
    grant = row and find_grant(tx, row["grant_id"])
    if grant is None or grant.provider != provider:
        return None
    return AccessToken(grant, from_ms(row["expires_at"]))


def expire_tokens(tx: Tx, grant_id: str, *, at: datetime) -> None:
    """As if the tokens of this consent had lain unused for too long."""
    for table in ("refresh_tokens", "access_tokens"):
        tx.execute(
            f"UPDATE {table} SET expires_at = min(expires_at, ?) WHERE grant_id = ?",  # noqa: S608 - two constants
            (to_ms(at), grant_id),
        )


# What every token endpoint reads


def form_of(call: Call) -> dict[str, str]:
    """The form body. It is a POST of application/x-www-form-urlencoded, whatever the header says."""
    return {name: values[0] for name, values in parse_qs(call.body.decode(errors="replace")).items()}


def require_client(call: Call, form: Mapping[str, str], client: OAuthClient, *, refused_with: int) -> None:
    """Credentials from HTTP Basic or from the form must be the client's; else `invalid_client`."""
    given = _basic(call.headers.get("authorization", "")) or (form.get("client_id", ""), form.get("client_secret", ""))
    expected = (client.client_id, client.client_secret.get_secret_value())
    if not secrets.compare_digest("\n".join(given).encode(), "\n".join(expected).encode()):
        raise Refusal(json_answer({"error": "invalid_client"}, refused_with))


def bearer(call: Call) -> str | None:
    return bearer_in(call.headers)


def bearer_in(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def oauth_error(code: str, status: int = 400) -> Answer:
    return json_answer({"error": code}, status)


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _grant(row: sqlite3.Row) -> Grant:
    return Grant(
        row["id"],
        row["provider"],
        row["user"],
        tuple(row["scopes"].split()),
        row["organisation"],
        row["nonce"],
        from_ms(row["created_at"]),
        row["ended_at"] is not None,
    )
