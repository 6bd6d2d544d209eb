"""Access tokens for the two services that call providers. Nobody else gets one."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends

from chassis.service_tokens import Caller
from connection_svc.api import callers, problems
from connection_svc.api.parts import Parts
from connection_svc.api.wire import (
    AccessRequest,
    CheckingAnswer,
    ExpiredAnswer,
    RejectedToken,
    UsableAnswer,
    access_answer,
)
from connection_svc.domain.connection import DetectedBy

Answer = UsableAnswer | ExpiredAnswer | CheckingAnswer

_DETECTED_BY = {"publish-svc": DetectedBy.PUBLISH, "sync-svc": DetectedBy.SYNC}

_log = structlog.get_logger(__name__)


def router(parts: Parts) -> APIRouter:
    """`/internal/connections/{id}/access-token`."""
    routes = APIRouter(
        prefix="/internal/connections/{connection_id}/access-token",
        tags=["internal"],
        dependencies=[Depends(problems.translated)],
    )
    user_of_tokens = callers.services(parts.gate, *_DETECTED_BY)

    @routes.post("")
    async def hand_out(
        connection_id: str,
        wanted: AccessRequest,  # noqa: ARG001 - the classes share one budget until there are permits
        caller: Annotated[Caller, Depends(user_of_tokens)],
    ) -> Answer:
        """A token that works, the news that none ever will, or when to ask again. Keep it until it is near its end."""
        asked_by = _DETECTED_BY[caller.service or ""]
        return access_answer(await parts.tokens.access(caller.business_id, connection_id, asked_by=asked_by))

    @routes.post("/rejected")
    async def rejected(
        connection_id: str, report: RejectedToken, caller: Annotated[Caller, Depends(user_of_tokens)]
    ) -> Answer:
        """The provider refused a token: a newer one, the truth about the grant, or when to ask again."""
        _log.info("access.rejected", connection_id=connection_id, caller=caller.service, problem=report.problem)
        answer = await parts.tokens.rejected(
            caller.business_id,
            connection_id,
            fingerprint=report.access_token_fingerprint,
            asked_by=_DETECTED_BY[caller.service or ""],
        )
        return access_answer(answer)

    return routes
