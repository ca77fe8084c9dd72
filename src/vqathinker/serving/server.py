"""Serve the page until SIGINT or SIGTERM, and let through only the requests that it needs.

Gradio accepts any number of files per request, fetches addresses, records, and edits its own code.
The gate passes the page and clips of limited size, and refuses everything else.
"""

import json
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
_METHODS = {"GET", "HEAD", "OPTIONS", "POST"}
_FORM_BYTES: Final = 100_000  # of a form around a clip, and of every other request
_SECURITY = {
    # Gradio's page is made of scripts that it evaluates; none may come from, or go, elsewhere.
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
    """Serve the page until SIGINT or SIGTERM; the folder of uploads is gone then.

    Args:
        page: what `build` made.
        host: address to bind to.
        port: 0: any that is free.
        password: that is asked for; None: nobody is asked.
        ready: told the page's address once it can be opened.

    Raises:
        InputError: the address cannot be bound.
    """
    app = page.app(password)
    if host in LOOPBACK:
        # A page of the web whose name was made to mean this machine is no visitor.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK[:2], "["])
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )  # fmt: skip
    try:
        with _bound(host, port) as listening:
            signal.signal(signal.SIGTERM, _end)  # uvicorn passes it on when it is done
            ready(f"http://{_in_address(host)}:{listening.getsockname()[1]}")
            uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        page.uploads.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be served ({explain(error)}): take another --port, or another "
            "--host"
        ) from error


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _end(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


class Gate:
    """Middleware around Gradio."""

    def __init__(self, app: ASGIApp, uploads: UploadFolder, most_bytes: int) -> None:
        """Let clips of at most `most_bytes` through, as long as `uploads` has room."""
        self._app = app
        self._uploads = uploads
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
        elif _path(scope) == _UPLOAD and scope["method"] == "POST":
            await self._pass_upload(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        path, method = _path(scope), scope["method"]
        if path.startswith(_CLOSED) or method not in _METHODS:
            return PlainTextResponse("Not found", 404)
        if method != "POST":
            return None
        if not path.startswith(_POSTS):
            return PlainTextResponse("Not found", 404)
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdigit():
            return PlainTextResponse("Content-Length is missing", 411)
        return self._upload_refusal(int(length)) if path == _UPLOAD else _too_large(length)

    def _upload_refusal(self, length: int) -> PlainTextResponse | None:
        if length > self._most_bytes + _FORM_BYTES:
            megabytes = f"{self._most_bytes / 1e6:g} MB"
            return PlainTextResponse(f"At most {megabytes} are taken: cut the clip", 413)
        self._uploads.sweep()
        if not self._uploads.has_room_for(length):
            return PlainTextResponse("Too many clips are waiting: try again in a while", 503)
        return None

    async def _pass_upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an upload on, and count the files that come of it."""
        # Else the answer, which is read here, might be compressed.
        kept = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        body = bytearray()

        async def listen(message: Message) -> None:
            if message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    self._uploads.arrived(_paths_in(bytes(body)))
            await _with_headers(send)(message)

        await self._app({**scope, "headers": kept}, receive, listen)


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.rstrip("/") or "/"


def _too_large(length: str) -> PlainTextResponse | None:
    return PlainTextResponse("Too large", 413) if int(length) > _FORM_BYTES else None


def _paths_in(body: bytes) -> list[Path]:
    """What Gradio answers to an upload: a list of paths, or a sentence where it failed."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return []
    return [Path(path) for path in answer] if isinstance(answer, list) else []


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY.items():
                headers[name] = value
        await send(message)

    return add
