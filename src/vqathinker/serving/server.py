"""Serve the page on an address of this machine until the process is asked to end."""

import signal
import socket
import sys
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from vqathinker.errors import InputError, explain
from vqathinker.serving.page import Page

__all__ = ["LOOPBACK", "serve"]

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_GRACE_S = 3


def serve(
    page: Page,
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
