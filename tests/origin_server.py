"""Web servers on loopback that misbehave as real ones do, for every test that gets files."""

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vqathinker.acquisition.web import Address

Answer = Callable[["Handler", "Served"], None]


@dataclass
class Served:
    """A file on a server: `first` are answers given once each, `always` is given from then on."""

    content: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    ranges: bool = True
    first: list[Answer] = field(default_factory=list)
    always: Answer | None = None


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]


class Handler(BaseHTTPRequestHandler):
    """Answers for its `site`, one request for each connection."""

    site: "Site"

    def do_GET(self) -> None:
        self.close_connection = True
        headers = {name.title(): value for name, value in self.headers.items()}
        self.site.asked.append(Asked(self.command, self.asked_for(), headers))
        served = self.site.files.get(self.asked_for())
        try:
            if served is None:
                self.site.status(404)(self, Served(b""))
            else:
                ordinary = served.always or self.site.whole()
                (served.first.pop(0) if served.first else ordinary)(self, served)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # the client has left

    def asked_for(self) -> str:
        """Under which name the file stands in `site.files`."""
        return self.path

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        """As a proxy: speak with the client as the host that it wants to be led to."""
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = self.site.context.wrap_socket(self.connection, server_side=True)
        except ssl.SSLError:
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.handle_one_request()
        self.connection.close()

    def log_message(self, *args: Any) -> None:
        pass


class Site:
    """A server: `files` it has, what it was `asked`, how many bytes of bodies it has `sent`.

    `stalled` is set when it has begun to let a client wait, `gone` when the test is over.
    """

    answers_with: type[Handler] = Handler

    def __init__(
        self,
        certificate: tuple[Path, Path] | None = None,
        *,
        proxy: bool = False,
        port: int = 0,
    ) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.sent = 0
        self.stalled, self.gone = threading.Event(), threading.Event()
        handler = type("Handler", (self.answers_with,), {"site": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.server.daemon_threads = True
        self.scheme = "http"
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
            if not proxy:
                socket = self.server.socket
                self.server.socket = self.context.wrap_socket(socket, server_side=True)
                self.scheme = "https"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.server.server_port}{path}"

    def address(self, path: str) -> Address:
        return Address(self.url(path))

    def has(self, path: str, content: bytes, **more: Any) -> Address:
        self.files[path] = Served(content, **more)
        return self.address(path)

    def whole(self, until: int | None = None, then: Callable[[], object] = lambda: None) -> Answer:
        """The file or the range asked for; breaks off at byte `until` of the file."""

        def answer(handler: Handler, served: Served) -> None:
            start, status, size = 0, 200, len(served.content)
            asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
            condition = handler.headers.get("If-Range")
            if asked and served.ranges and condition in (None, *served.headers.values()):
                start, status = int(asked[1]), 206
            if start >= size > 0:
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{size}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            handler.send_response(status)
            if status == 206:
                handler.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            length = {"Content-Length": str(size - start)}
            for name, value in (length | served.headers).items():
                handler.send_header(name, value)
            handler.end_headers()
            if handler.command != "HEAD":
                body = served.content[start:until]
                handler.wfile.write(body)
                handler.wfile.flush()
                self.sent += len(body)
                if until is not None:
                    then()

        return answer

    def status(self, code: int, body: bytes = b"", **headers: str) -> Answer:
        """Nothing but a status; `Retry_After="2"` becomes a header."""

        def answer(handler: Handler, served: Served) -> None:
            handler.send_response(code)
            for name, value in {"Content_Length": str(len(body)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(body)

        return answer

    def redirect(self, url: str) -> Answer:
        return self.status(302, Location=url)

    def stall(self, until: int) -> Answer:
        """The first bytes, and then nothing while the test lasts."""

        def answer(handler: Handler, served: Served) -> None:
            self.stalled.set()
            self.whole(until, self.gone.wait)(handler, served)

        return answer

    def ranges_asked(self) -> list[str | None]:
        return [asked.headers.get("Range") for asked in self.asked]


@pytest.fixture
def make_site() -> Iterator[Callable[..., Site]]:
    """make_site() is one more server.

    With a certificate and its key it speaks TLS; as a proxy, in the place of other hosts.
    """
    sites: list[Site] = []

    def make(certificate: tuple[Path, Path] | None = None, *, proxy: bool = False) -> Site:
        site = Site(certificate, proxy=proxy)
        site.thread.start()
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.gone.set()
        site.server.shutdown()
        site.server.server_close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
