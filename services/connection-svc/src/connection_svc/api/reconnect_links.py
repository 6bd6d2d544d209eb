"""Links in mails that start the repair of one connection. web-svc shows their page, notifier-svc sends them."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends

from chassis.service_tokens import Caller
from connection_svc.api import callers, problems
from connection_svc.api.attempts import new_attempt
from connection_svc.api.parts import Parts
from connection_svc.api.wire import ConsumedLink, ConsumeLink, LinkView, NewLink
from connection_svc.domain.attempt import Channel, Intent, hashed
from connection_svc.domain.reconnect import LINK_LIFETIME, ReconnectLink, masked
from connection_svc.store import attempts, cases, connections, links


def router(parts: Parts) -> APIRouter:
    """`/internal/reconnect-cases` and `/internal/reconnect-links`."""
    routes = APIRouter(prefix="/internal", tags=["internal"], dependencies=[Depends(problems.translated)])
    sender, pages = callers.services(parts.gate, "notifier-svc"), callers.services(parts.gate, "web-svc")

    @routes.post("/reconnect-cases/{case_id}/links", status_code=201)
    async def make(case_id: str, caller: Annotated[Caller, Depends(sender)]) -> NewLink:
        """A new link. Its secret is told here once; only its hash is kept."""
        secret, now = secrets.token_urlsafe(32), parts.now()
        async with parts.database.transaction() as tx:
            case = await cases.get(tx, caller.business_id, case_id)
            link = ReconnectLink(
                token_hash=hashed(secret),
                business_id=case.business_id,
                connection_id=case.connection_id,
                case_id=case.id,
                generation=case.generation,
                created_at=now,
                expires_at=now + LINK_LIFETIME,
            )
            await links.add(tx, link)
        return NewLink(url=parts.addresses.link(secret), expires_at=link.expires_at)

    @routes.get("/reconnect-links/{secret}")
    async def show(secret: str, _: Annotated[Caller, Depends(pages)]) -> LinkView:
        """What the link leads to. Looking does not spend it: mail scanners look, too."""
        async with parts.database.acquire() as tx:
            link = await links.get(tx, secret)
            connection = await connections.get(tx, link.business_id, link.connection_id)
        return LinkView(
            business_id=link.business_id,
            connection_id=link.connection_id,
            provider=connection.provider,
            provider_name=parts.providers[connection.provider].facts.display_name,
            organisation_masked=masked(connection.organisation.name) if connection.organisation else "",
            state=link.state(connection, now=parts.now()).value,
        )

    @routes.post("/reconnect-links/{secret}/consume")
    async def consume(secret: str, asking: ConsumeLink, _: Annotated[Caller, Depends(pages)]) -> ConsumedLink:
        """Spend the link, once, for an attempt at the expected organisation only. 409 when it is not valid."""
        now = parts.now()
        async with parts.database.transaction() as tx:
            link = await links.get(tx, secret)
            connection = await connections.get_for_update(tx, link.business_id, link.connection_id)
            link = await links.get(tx, secret)  # again, under the lock: another press may have spent it
            await links.save(tx, link.use(connection, now=now))
            page = parts.addresses.organisation(connection.business_id, connection.id)
            attempt = new_attempt(
                connection,
                Intent.RECONNECT,
                provider=connection.provider,
                channel=Channel.LINK,
                return_to=page,
                by="reconnect-link",
                binding_hash=asking.binding_hash,
                now=now,
            )
            await attempts.add(tx, attempt)
        return ConsumedLink(start_url=parts.addresses.start(attempt.id))

    return routes
