"""The stream of an open page."""

from fastapi import APIRouter
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from web_svc.api.site import AReader, TheSite
from web_svc.live import GATHER_SECONDS, HEARTBEAT_SECONDS, changes

router = APIRouter(prefix="/b/{business}")


@router.get("/events")
async def events(site: TheSite, reader: AReader) -> Response:
    """What changes in this business, from now on."""
    told = changes(site.live, reader.business_id, gather_seconds=GATHER_SECONDS)
    return EventSourceResponse(told, ping=HEARTBEAT_SECONDS, headers={"X-Accel-Buffering": "no"})
