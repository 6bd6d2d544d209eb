"""The right to call a provider about a connection, and what its refusal means."""

from dataclasses import dataclass
from functools import partial

from providers.errors import BudgetSpent, OrganisationGone, ProviderError, ProviderUnavailable, TokenRejected
from providers.errors import Throttled as ThrottledByProvider
from providers.interface import Provider
from providers.models import Access
from providers.permits import Permits
from publish_svc.clients import BeingChecked, NotUsable, TokenAnswer, Usable
from publish_svc.domain.connections import ConnectionPicture, hold_reason_for
from publish_svc.domain.lane import Checking, Expired, Result, Throttled, TokenReplaced, Unavailable
from publish_svc.work.tools import Tools


class Setback(Exception):
    """The attempt has ended, and this is how."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(str(result))


@dataclass(frozen=True)
class Line:
    """An open line to a connection's organisation."""

    provider: Provider
    access: Access
    token: Usable


async def open_line(tools: Tools, connection: ConnectionPicture) -> Line:
    """Get a token for the connection. Raises Setback when it is expired or being checked, ConnectionsUnavailable."""
    answer = await tools.tokens.get(connection.id, connection.business_id)
    if not isinstance(answer, Usable):
        raise Setback(_no_access(answer, connection))
    provider = tools.providers.get(answer.provider)
    if provider is None:
        # An older release beside a newer one: the lane waits until somebody knows the provider.
        raise Setback(Checking(connection.generation, tools.patience.probe_after))
    permits = Permits(partial(tools.tokens.lease, connection.id, connection.business_id))
    return Line(provider, Access(answer.access_token, answer.organisation_id, permits.take), answer)


async def meaning_of(tools: Tools, connection: ConnectionPicture, line: Line, error: ProviderError) -> Result:
    """What an error means for the attempt, after asking connection-svc where it speaks of our access.

    For errors that say that nothing was written; whoever writes translates the others himself.
    """
    match error:
        case TokenRejected() | OrganisationGone():
            return await _report(tools, connection, line, error)
        case BudgetSpent():
            return Throttled(error.retry_after)
        case ThrottledByProvider():
            await tools.tokens.report_throttled(connection.id, connection.business_id, error.retry_after)
            return Throttled(error.retry_after)
        case ProviderUnavailable():
            return Unavailable(error.symptom)
        case _:
            return Unavailable(type(error).__name__)


async def _report(tools: Tools, connection: ConnectionPicture, line: Line, error: ProviderError) -> Result:
    problem = "organisation_gone" if isinstance(error, OrganisationGone) else "token_rejected"
    answer = await tools.tokens.report_rejected(connection.id, connection.business_id, line.token, problem)
    if not isinstance(answer, Usable):
        return _no_access(answer, connection)
    if answer.access_token == line.token.access_token:
        return Checking(connection.generation, tools.patience.probe_after)
    return TokenReplaced()


def _no_access(answer: TokenAnswer, connection: ConnectionPicture) -> Result:
    match answer:
        case NotUsable(reason):
            return Expired(connection.generation, hold_reason_for(reason))
        case BeingChecked(retry_after):
            return Checking(connection.generation, retry_after)
        case Usable():
            raise ValueError("a usable token is no reason to stop")
