"""The server of the page, and a filter that passes only the requests that the page needs.

Gradio accepts any number of files per request, fetches addresses, keeps recordings, and can edit
its own code. The filter passes the page and clips of limited size, and rejects everything else.
"""

import json
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vqathinker.errors import InputError, explain
from vqathinker.serving.uploads import UploadFolder

if TYPE_CHECKING:
    from vqathinker.serving.page import Page

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_SHUTDOWN_S = 3
_API = "/gradio_api/"
_UPLOAD = f"{_API}upload"
_POSTS = (
    _UPLOAD,
    f"{_API}queue/join",
    f"{_API}call/",
    f"{_API}cancel",
    f"{_API}reset",
    "/login",
)
_BLOCKED = (
    f"{_API}proxy", f"{_API}file=http", f"{_API}deep_link", f"{_API}dev/", f"{_API}stream/",
    f"{_API}custom_component/", f"{_API}vibe-", f"{_API}run-history/", "/monitoring",
)  # fmt: skip
_ALLOWED_METHODS = {"GET", "HEAD", "OPTIONS"}
_FORM_BYTES: Final = 100_000  # size of other requests, and of the form around a clip
_SECURITY_HEADERS = {
    # Gradio evaluates scripts, so these are allowed, but only if they come from this server.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def serve(
    page: "Page", host: str, port: int, password: str | None, ready: Callable[[str], None]
) -> None:
    """Serve the page until SIGINT or SIGTERM, then delete the folder of uploads.

    Port 0 selects a free port. `ready` is called with the address when the page can be opened.

    Raises:
        InputError: the server cannot listen on this address.
    """
    app = page.app(password)
    if host in LOOPBACK:
        # Prevents DNS rebinding, where a foreign web page's name resolves to this machine.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK[:2], "["])
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )  # fmt: skip
    name, family = (f"[{host}]", socket.AF_INET6) if ":" in host else (host, socket.AF_INET)
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be used ({explain(error)}); choose another --port or --host"
        ) from error
    try:
        with suppress(KeyboardInterrupt), listener:
            # uvicorn restores this handler and raises the signal again when it is done.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            ready(f"http://{name}:{listener.getsockname()[1]}")
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        page.uploads.close()


class RequestFilter:
    """ASGI middleware around Gradio that filters requests and counts uploads."""

    def __init__(self, app: ASGIApp, uploads: UploadFolder, max_bytes: int) -> None:
        """Accept clips of at most `max_bytes`, as long as there is space in `uploads`."""
        self._app = app
        self._uploads = uploads
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reject it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        path = scope["path"].rstrip("/") or "/"
        is_upload = path == _UPLOAD and scope["method"] == "POST"
        if rejection := self._rejection(path, scope, is_upload=is_upload):
            await rejection(scope, receive, send)
            return
        if is_upload:
            # The response is parsed here, so it must not be compressed.
            headers = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
            scope, send = {**scope, "headers": headers}, self._counting(send)
        await self._app(scope, receive, send)

    def _rejection(self, path: str, scope: Scope, *, is_upload: bool) -> PlainTextResponse | None:
        posts = scope["method"] == "POST"
        allowed = path.startswith(_POSTS) if posts else scope["method"] in _ALLOWED_METHODS
        if path.startswith(_BLOCKED) or not allowed:
            return PlainTextResponse("Not found", 404)
        length = Headers(scope=scope).get("content-length", "")
        if posts and not length.isdigit():
            return PlainTextResponse("Content-Length is missing", 411)
        if posts and int(length) > _FORM_BYTES + self._max_bytes * is_upload:
            limit = f"A clip may have at most {self._max_bytes / 1e6:g} MB; shorten it"
            return PlainTextResponse(limit if is_upload else "Too large", 413)
        if is_upload and not self._uploads.has_space_for(int(length)):
            return PlainTextResponse("Too many clips are waiting; try again later", 503)
        return None

    def _counting(self, send: Send) -> Send:
        """Read the paths of uploads from Gradio's response, a JSON list."""
        body = bytearray()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    with suppress(ValueError):  # not JSON if the upload failed
                        paths = json.loads(bytes(body))
                        self._uploads.add(map(Path, paths if isinstance(paths, list) else []))
            await send(message)

        return count


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_SECURITY_HEADERS)
        await send(message)

    return add
