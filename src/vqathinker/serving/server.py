"""Serve the page until SIGINT or SIGTERM, and pass only the requests that it needs.

Gradio accepts any number of files per request, fetches addresses, records, and edits its own code.
The gate passes the page and clips of limited size, and refuses everything else.
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
_GRACE_S = 3
_API = "/gradio_api/"
_UPLOAD = f"{_API}upload"
_POSTS = (_UPLOAD, f"{_API}queue/join", f"{_API}call/", f"{_API}cancel", f"{_API}reset", "/login")
_CLOSED = (
    f"{_API}proxy", f"{_API}file=http", f"{_API}deep_link", f"{_API}dev/", f"{_API}stream/",
    f"{_API}custom_component/", f"{_API}vibe-", f"{_API}run-history/", "/monitoring",
)  # fmt: skip
_METHODS = {"GET", "HEAD", "OPTIONS"}
_FORM_BYTES: Final = 100_000  # of a form around a clip, and of every other request
_SECURITY = {
    # Gradio's page evaluates scripts; none may be loaded from, or send data to, elsewhere.
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
    page: "Page",
    host: str = "127.0.0.1",
    port: int = 7860,
    password: str | None = None,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the page until SIGINT or SIGTERM, then remove the folder of uploads.

    Args:
        page: of `build`.
        host: address to bind to.
        port: 0 takes a free one.
        password: to ask visitors for, or None.
        ready: called with the page's address once it can be opened.

    Raises:
        InputError: the address cannot be bound.
    """
    app = page.app(password)
    if host in LOOPBACK:
        # Against DNS rebinding: a web page whose name resolves to this machine is refused.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK[:2], "["])
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )  # fmt: skip
    name, family = (f"[{host}]", socket.AF_INET6) if ":" in host else (host, socket.AF_INET)
    try:
        with suppress(KeyboardInterrupt), _bound(host, port, family) as bound:
            # uvicorn restores this handler and raises the signal again when it is done.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            ready(f"http://{name}:{bound.getsockname()[1]}")
            uvicorn.Server(config).run(sockets=[bound])
    finally:
        page.uploads.close()


def _bound(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be served ({explain(error)}): choose another --port or --host"
        ) from error


class Gate:
    """ASGI middleware around Gradio that limits requests and counts uploads."""

    def __init__(self, app: ASGIApp, uploads: UploadFolder, most_bytes: int) -> None:
        """Pass clips of at most `most_bytes`, as long as `uploads` has room."""
        self._app = app
        self._uploads = uploads
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        path = scope["path"].rstrip("/") or "/"
        is_upload = path == _UPLOAD and scope["method"] == "POST"
        if refusal := self._refusal(path, scope, is_upload=is_upload):
            await refusal(scope, receive, send)
            return
        if is_upload:
            # The answer is read here, so it must not be compressed.
            kept = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
            scope, send = {**scope, "headers": kept}, self._counting(send)
        await self._app(scope, receive, send)

    def _refusal(self, path: str, scope: Scope, *, is_upload: bool) -> PlainTextResponse | None:
        posts = scope["method"] == "POST"
        allowed = path.startswith(_POSTS) if posts else scope["method"] in _METHODS
        if path.startswith(_CLOSED) or not allowed:
            return PlainTextResponse("Not found", 404)
        length = Headers(scope=scope).get("content-length", "")
        if posts and not length.isdigit():
            return PlainTextResponse("Content-Length is missing", 411)
        if posts and int(length) > _FORM_BYTES + self._most_bytes * is_upload:
            limit = f"At most {self._most_bytes / 1e6:g} MB are accepted: cut the clip"
            return PlainTextResponse(limit if is_upload else "Too large", 413)
        if is_upload and not self._uploads.has_room_for(int(length)):
            return PlainTextResponse("Too many clips are waiting: try again in a while", 503)
        return None

    def _counting(self, send: Send) -> Send:
        """Read the paths of an upload from Gradio's answer, a JSON list."""
        body = bytearray()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    with suppress(ValueError):  # a sentence where the upload failed
                        paths = json.loads(bytes(body))
                        self._uploads.arrived(map(Path, paths if isinstance(paths, list) else []))
            await send(message)

        return count


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_SECURITY)
        await send(message)

    return add
