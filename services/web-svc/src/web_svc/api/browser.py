"""What every answer to a browser carries, and how an unexpected error looks to one."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web_svc.api.pages import bare_page
from web_svc.api.problems import told_by_status
from web_svc.wording import say

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
A_YEAR = "max-age=31536000"


class Browser:
    """Around the whole app: security headers on everything, no caching but of files named by their content.

    A problem that the chassis answered, because nobody else caught it, becomes a page for a browser that wants one.
    """

    def __init__(self, app: ASGIApp, *, is_secure: bool) -> None:
        self._app, self._is_secure = app, is_secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wants_page = "text/html" in Headers(scope=scope).get("accept", "")
        replaced = False

        async def answer(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if wants_page and headers.get("content-type", "").startswith("application/problem+json"):
                    replaced = True
                    await self._page(scope, receive, dressed, message["status"], headers)
                    return
            if not replaced:
                await dressed(message)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(scope, MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, answer)

    async def _page(self, scope: Scope, receive: Receive, send: Send, status: int, headers: MutableHeaders) -> None:
        told = told_by_status(status)
        request = Request(scope)
        page = bare_page(
            request,
            "problem.html",
            status=status,
            title=told.title,
            message=say(told.message_id),
            tone=told.tone,
            icon=told.icon,
            action=told.action,
            href=told.href,
            detail=None,
            code=None,
            correlation_id=headers["x-request-id"],
        )
        page.headers["x-request-id"] = headers["x-request-id"]
        await page(scope, receive, send)

    def _dress(self, scope: Scope, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        headers.setdefault("Referrer-Policy", "same-origin")
        if self._is_secure:
            headers["Strict-Transport-Security"] = A_YEAR
        is_file = scope["path"].startswith("/static/")
        headers.setdefault("Cache-Control", f"public, {A_YEAR}, immutable" if is_file else "no-store")
