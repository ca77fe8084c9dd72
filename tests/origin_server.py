"""Local web servers that fail in the ways of real ones, for tests of downloads."""

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from vqathinker.acquisition.web import Address

Answer = Callable[["Handler", "Served"], None]


@dataclass
class Served:
    """A file on a server. Each answer in `first` is given once; then `always` is given."""

    content: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    ranges: bool = True
    first: list[Answer] = field(default_factory=list)
    always: Answer | None = None


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]


class Handler(BaseHTTPRequestHandler):
    """Answer requests to `site`, one per connection."""

    site: "Site"

    def do_GET(self) -> None:
        self.close_connection = True
        headers = {name.title(): value for name, value in self.headers.items()}
        self.site.requests.append(Request(self.command, self.file_key(), headers))
        served = self.site.files.get(self.file_key())
        try:
            if served is None:
                self.site.status(404)(self, Served(b""))
            else:
                ordinary = served.always or self.site.whole()
                (served.first.pop(0) if served.first else ordinary)(self, served)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # the client has disconnected

    def file_key(self) -> str:
        """Key of the requested file in `site.files`."""
        return self.path

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        """As a proxy, answer in the place of the requested host."""
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
    """A server with `files`, the `requests` to it, and the number of bytes sent in bodies.

    `stalled` is set when a client starts to wait, and `closing` at the end of the test.
    """

    handler_class: type[Handler] = Handler

    def __init__(
        self,
        certificate: tuple[Path, Path] | None = None,
        *,
        proxy: bool = False,
        port: int = 0,
    ) -> None:
        self.files: dict[str, Served] = {}
        self.requests: list[Request] = []
        self.bytes_sent = 0
        self.stalled, self.closing = threading.Event(), threading.Event()
        handler = type("Handler", (self.handler_class,), {"site": self})
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

    def serve(self, path: str, content: bytes, **more: Any) -> Address:
        self.files[path] = Served(content, **more)
        return self.address(path)

    def whole(self, until: int | None = None, then: Callable[[], object] = lambda: None) -> Answer:
        """The file or the requested range; disconnects at byte `until` of the file."""

        def answer(handler: Handler, served: Served) -> None:
            start, status, size = 0, 200, len(served.content)
            requested = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
            condition = handler.headers.get("If-Range")
            if requested and served.ranges and condition in (None, *served.headers.values()):
                start, status = int(requested[1]), 206
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
                self.bytes_sent += len(body)
                if until is not None:
                    then()

        return answer

    def status(self, code: int, body: bytes = b"", **headers: str) -> Answer:
        """A status with headers, such as `Retry_After="2"`."""

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
        """The first bytes, and then nothing until the end of the test."""

        def answer(handler: Handler, served: Served) -> None:
            self.stalled.set()
            self.whole(until, self.closing.wait)(handler, served)

        return answer

    def requested_ranges(self) -> list[str | None]:
        return [request.headers.get("Range") for request in self.requests]


def make_certificate(folder: Path, *hosts: str) -> tuple[Path, Path]:
    """Write a self-signed certificate for these hosts and its key to `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    names = [
        x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        for host in hosts
    ]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


@pytest.fixture
def make_site() -> Iterator[Callable[..., Site]]:
    """make_site() starts a server; with a certificate and key, it uses TLS or is a proxy."""
    sites: list[Site] = []

    def make(certificate: tuple[Path, Path] | None = None, *, proxy: bool = False) -> Site:
        site = Site(certificate, proxy=proxy)
        site.thread.start()
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.closing.set()
        site.server.shutdown()
        site.server.server_close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
