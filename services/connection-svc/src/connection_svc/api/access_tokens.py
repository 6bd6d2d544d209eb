"""Access tokens, and permits to call, for the two services that call providers. Nobody else gets one."""

from datetime import timedelta
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
    ThrottledCall,
    UsableAnswer,
    access_answer,
    leased,
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
        **problems.TRANSLATED,
    )
    user_of_tokens = callers.services(parts.gate, *_DETECTED_BY)

    @routes.post("")
    async def hand_out(
        connection_id: str,
        wanted: AccessRequest,
        caller: Annotated[Caller, Depends(user_of_tokens)],
    ) -> Answer:
        """A token that works, the news that none ever will, or when to ask again. Keep it until it is near its end.

        Each call to the provider needs a permit of its organisation's budget besides; those are leased here, too.
        """
        asked_by = _DETECTED_BY[caller.service or ""]
        answer = access_answer(await parts.tokens.access(caller.business_id, connection_id, asked_by=asked_by))
        if not isinstance(answer, UsableAnswer) or not wanted.permits:
            return answer
        permits = await parts.budgets.lease(
            answer.provider, answer.organisation_id, calls=wanted.permits, wanted_for=wanted.class_
        )
        return answer.model_copy(update={"permits": leased(permits)})

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

    @routes.post("/throttled", status_code=204)
    async def throttled(
        connection_id: str, report: ThrottledCall, caller: Annotated[Caller, Depends(user_of_tokens)]
    ) -> None:
        """The provider wants a pause: nobody gets a permit before it is over."""
        wanted = timedelta(seconds=report.retry_after_seconds)
        await parts.budgets.pause(caller.business_id, connection_id, wanted=wanted)

    return routes
