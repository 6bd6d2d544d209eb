"""Tokens for trying the APIs by hand, for programs, and for evidence that asks as a service does."""

import json

import httpx2

from chassis.service_tokens import ServiceSigner
from devstack.home import DevstackError
from devstack.stack import Stack


def bearer_token(
    stack: Stack, business_id: str, role: str, *, subject: str = "usr_anna", audience: str = "publish-svc"
) -> str:
    """A token that says who calls (`subject`), for which business and as what; `audience` is the service it is for."""
    wanted = {"business_id": business_id, "role": role, "subject": subject, "audience": audience}
    try:
        answer = httpx2.post(f"{stack.addresses['simulator']}/sim/oidc/token", json=wanted)
    except httpx2.ConnectError as error:
        raise DevstackError("the practice issuer does not answer: run `make up` first") from error
    if answer.is_error:
        raise DevstackError(f"the practice issuer refused: {answer.text}")
    return str(answer.json()["access_token"])


def signer_of(stack: Stack, service: str) -> ServiceSigner:
    """Signs calls as this service of the stack does."""
    key = stack.secrets.signing_key(f"{service} service key")
    return ServiceSigner(service, json.dumps(key.as_dict(private=True)))
