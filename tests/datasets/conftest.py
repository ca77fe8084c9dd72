"""A data set of the tests' own, and web servers on loopback that misbehave as real ones do."""

import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vqathinker.datasets.card import Card
from vqathinker.datasets.transfer.address import Address

MakeCard = Callable[..., Card]
Label = tuple[str, float | str]


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An mp4 of 12 frames of 48x32 pixels, 10 a second."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for number in range(12):
            picture = np.full((32, 48, 3), number * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture
def make_card() -> MakeCard:
    """make_card(expected=3, ...) is a card that differs from a plain one in what is given."""

    def make(**changes: Any) -> Card:
        label = {"file": "labels.csv", "reader": "csv", "scale": [0, 100]}
        content = {
            "name": "small",
            "title": "Small",
            "role": "in-domain",
            "licence": "none",
            "homepage": "https://example.org/small",
            "citation": "none",
            "expected": None,
            "access": {"kind": "local", "say": "ask for it"},
            "labels": [label | changes.pop("label", {})],
        }
        return Card.model_validate(content | changes)

    return make


@pytest.fixture
def make_source(tmp_path: Path, video: bytes) -> Callable[..., Path]:
    """make_source(labels, videos) is a source folder; each named video is a good one."""

    def make(labels: Sequence[Label], videos: Sequence[str] = ()) -> Path:
        source = tmp_path / "source"
        (source / "videos").mkdir(parents=True)
        rows = "".join(f"{name},{mos}\n" for name, mos in labels)
        (source / "labels.csv").write_text("video,mos\n" + rows, encoding="utf-8")
        for name in videos:
            path = source / "videos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(video)
        return source

    return make


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
        self.site.asked.append(Asked(self.command, self.path, headers))
        served = self.site.files.get(self.path)
        try:
            if served is None:
                self.site.status(404)(self, Served(b""))
            else:
                ordinary = served.always or self.site.whole()
                (served.first.pop(0) if served.first else ordinary)(self, served)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # the client has left

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
    """A server: `files` it has, what it was `asked`, how many bytes of bodies it has `sent`."""

    def __init__(
        self, certificate: tuple[Path, Path] | None = None, *, proxy: bool = False
    ) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.sent = 0
        self.gone = threading.Event()
        handler = type("Handler", (Handler,), {"site": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
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

    def whole(self, until: int | None = None, then: Callable[[], None] = lambda: None) -> Answer:
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
        return self.whole(until, lambda: self.gone.wait(60))

    def trickle(self) -> Answer:
        """A byte now and then, so that no read ever times out."""

        def answer(handler: Handler, served: Served) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(served.content)))
            handler.end_headers()
            for byte in served.content:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(0.02)
                if self.gone.is_set():
                    return

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
