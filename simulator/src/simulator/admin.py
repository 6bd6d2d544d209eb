"""The admin API under /sim: what happened, what is kept, and what shall go wrong.

It has no protection: this is for practice only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException, Path
from pydantic import BaseModel, ConfigDict

from simulator import attachments, faults, grants, journal, organisations
from simulator.addresses import PROVIDERS
from simulator.attachments import Document
from simulator.clock import Clocks
from simulator.encoding import Json
from simulator.oidc import TOKEN_LIFETIME, Issuer
from simulator.records import Place, Record
from simulator.state import State, Tx, forget_everything

Provider = Annotated[str, Path(pattern=f"^({'|'.join(PROVIDERS)})$")]


@dataclass(frozen=True)
class Books:
    """How the admin API reads and changes what one provider keeps."""

    documents: Callable[[Tx, Place], Sequence[Record]]
    described: Callable[[Tx, Place, Record], Json]
    """Kind, id, reference, number, total and status of a document."""
    add_entry: Callable[[Tx, Place, "NewEntry", Clocks], str]
    withdraw: Callable[[Tx, str, Clocks], int]
    """What the provider does when a customer disconnects the application; how many consents it touched."""
    grants_for: Callable[[Tx, str], list[str]]
    """The ids of consents that reach an organisation."""
    open_another: Callable[[Tx, str, datetime], str]
    """One more organisation, by its name; its id."""


class NewEntry(BaseModel):
    """A list entry that appears at the provider without a call of ours. Other fields are the provider's own."""

    model_config = ConfigDict(extra="forbid")

    list: Literal["accounts", "suppliers", "customers", "items"]
    name: str
    fields: dict[str, Any] = {}


class OfOrganisation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    organisation_id: str


class NewOrganisation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str


class SomeToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    access_token: str


class ProgramToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    business_id: str
    role: str
    subject: str
    audience: str


def router(  # noqa: C901, PLR0915 - one function a route, each of a few lines
    state: State, clocks: Clocks, books: Mapping[str, Books], issuer: Issuer, seed: Callable[[Tx], None]
) -> APIRouter:
    api = APIRouter(prefix="/sim", tags=["admin"])

    def place_of(tx: Tx, provider: str, organisation_id: str) -> Place:
        if organisations.find(tx, provider, organisation_id) is None:
            raise HTTPException(404, f"{provider} has no organisation {organisation_id}")
        return Place(provider, organisation_id)

    @api.get("/health")
    async def health() -> Json:
        """Answers once the simulator serves; says what time it is in its world."""
        return {"status": "ok", "now": clocks.domain().isoformat()}

    @api.get("/journal")
    async def read_journal(provider: str | None = None, organisation: str | None = None, after: int = 0) -> Json:
        """Every call of a provider's client, oldest first; `after` is the last number already read."""
        with state.transaction() as tx:
            return {"calls": journal.read(tx, provider, organisation, after)}

    @api.get("/{provider}/organisations")
    async def read_organisations(provider: Provider) -> Json:
        with state.transaction() as tx:
            found = organisations.organisations_of(tx, provider)
            return {"organisations": [{"id": one.id, "name": one.name} for one in found]}

    @api.post("/{provider}/organisations", status_code=201)
    async def open_organisation(provider: Provider, wanted: NewOrganisation) -> Json:
        """One more organisation that everybody may connect, with short lists."""
        with state.transaction() as tx:
            return {"id": books[provider].open_another(tx, wanted.name, clocks.domain())}

    @api.get("/{provider}/organisations/{organisation_id}/documents")
    async def read_documents(provider: Provider, organisation_id: str) -> Json:
        """The bills of an organisation in the order they were created, with their files."""
        with state.transaction() as tx:
            place, theirs = place_of(tx, provider, organisation_id), books[provider]
            return {"documents": [_document(tx, place, theirs, record) for record in theirs.documents(tx, place)]}

    @api.post("/{provider}/organisations/{organisation_id}/entries", status_code=201)
    async def add_entry(provider: Provider, organisation_id: str, entry: NewEntry) -> Json:
        with state.transaction() as tx:
            place = place_of(tx, provider, organisation_id)
            return {"id": books[provider].add_entry(tx, place, entry, clocks)}

    @api.post("/{provider}/grants/revoke")
    async def revoke(provider: Provider, of: OfOrganisation) -> Json:
        """Access is withdrawn at the provider, by whoever administers the organisation there."""
        with state.transaction() as tx:
            place_of(tx, provider, of.organisation_id)
            return {"revoked": books[provider].withdraw(tx, of.organisation_id, clocks)}

    @api.post("/{provider}/grants/expire")
    async def expire(provider: Provider, of: OfOrganisation) -> Json:
        """Every token that reaches the organisation expires at once, as if unused for too long."""
        with state.transaction() as tx:
            place_of(tx, provider, of.organisation_id)
            reached = books[provider].grants_for(tx, of.organisation_id)
            for grant_id in reached:
                grants.expire_tokens(tx, grant_id, at=clocks.domain())
            return {"expired": len(reached)}

    @api.post("/{provider}/grants/reach")
    async def reach(provider: Provider, some: SomeToken) -> Json:
        """The organisations that the consent behind an access token reaches, however old the token is."""
        with state.transaction() as tx:
            token = grants.find_access_token(tx, provider, some.access_token)
            if token is None:
                raise HTTPException(404, f"{provider} has issued no such token")
            known, reaching = organisations.organisations_of(tx, provider), books[provider].grants_for
            return {"organisations": [one.id for one in known if token.grant.id in reaching(tx, one.id)]}

    @api.post("/faults", status_code=201)
    async def add_fault(rule: Annotated[faults.Rule, Body()]) -> Json:
        with state.transaction() as tx:
            return {"id": faults.add(tx, rule)}

    @api.get("/faults")
    async def read_faults() -> Json:
        with state.transaction() as tx:
            return {"faults": faults.read(tx)}

    @api.delete("/faults", status_code=204)
    async def delete_faults() -> None:
        with state.transaction() as tx:
            faults.delete_all(tx)

    @api.post("/oidc/token")
    async def program_token(asked: ProgramToken) -> Json:
        """A bearer token of the practice issuer for a program."""
        token = issuer.program_token(**asked.model_dump(), at=clocks.system())
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(TOKEN_LIFETIME.total_seconds())}

    @api.post("/reset", status_code=204)
    async def reset() -> None:
        """Forget everything but the signing key and begin anew."""
        with state.transaction() as tx:
            forget_everything(tx)
            seed(tx)

    return api


def _document(tx: Tx, place: Place, books: Books, record: Record) -> Json:
    files = [
        {"id": file.id, "file_name": file.file_name, "content_type": file.content_type, "size": len(file.content)}
        for file in attachments.of_document(tx, place, Document("bill", record.id))
    ]
    described = books.described(tx, place, record)
    return {**described, "created_at": record.created_at.isoformat(), "attachments": files}
