"""Who may ask, and what every answer says: the Host, Origin and token of requests, the headers of responses."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from uniser_model.serve.settings import Settings

KEY_HEADER = "x-uniser-token"
READING = ("GET", "HEAD")
# Requests answered at once, waiting ones included; a page has a few.
MAX_REQUESTS = 64
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """`token` is new in each server; only its own page knows it."""
        self.app, self.settings, self.token, self.open = app, settings, secrets.token_urlsafe(24), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what may not be asked; hand everything else on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # What is left of a refused body is not waited for.
                if message["status"] >= 400:
                    headers["connection"] = "close"
            await send(message)

        if self.open >= MAX_REQUESTS:
            await JSONResponse({"error": "too many requests at once -> try again in a moment"}, 503,
                               {"Retry-After": "2"})(scope, receive, sealed)  # fmt: skip
        elif fault := self._fault(scope["method"], Headers(scope=scope)):
            await JSONResponse({"error": fault}, 403)(scope, receive, sealed)
        else:
            scope.setdefault("state", {})["token"] = self.token
            self.open += 1
            try:
                await self.app(scope, receive, sealed)
            finally:
                self.open -= 1

    def _fault(self, method: str, headers: Headers) -> str:
        host = headers.get("host", "")
        if not self.settings.allows_host(host):
            return "the Host header names another server -> open the address that `uniser serve` printed"
        # A page of another origin can send requests here, but not say that it is ours.
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return "a page of another site may not use this server"
        if method in READING:
            return ""
        if headers.get("origin", f"http://{host}").partition("://")[2] != host:
            return "a page of another origin may not use this server"
        if not hmac.compare_digest(headers.get(KEY_HEADER, "").encode(), self.token.encode()):
            return "the request is not of this server's page -> load the page again"
        return ""
