"""Web servers: where tokens are sent, and which responses are rejected."""

from collections.abc import Callable

import pytest
from tests.acquisition.conftest import PLAIN

from vqathinker.acquisition.download import download
from vqathinker.acquisition.errors import TransferError
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.web import Address, WebFile

TOKEN = "tok_5ecret0123456789"  # noqa: S105  opens nothing


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", TOKEN)


@pytest.fixture
def tls_site(make_site: Callable, certificate_for: Callable, monkeypatch: pytest.MonkeyPatch):
    """A server with TLS whose certificate is trusted."""
    certificate = certificate_for("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    return make_site(certificate)


def tokens_of(site) -> list[str | None]:
    return [request.headers.get("Authorization") for request in site.requests]


def test_token_is_kept_on_redirect_to_same_host(site, tmp_path, context):
    site.serve("/file", b"content")
    address = site.serve("/moved", b"", first=[site.redirect("/file")])
    download(PLAIN, [WebFile(address, "A_TOKEN")], tmp_path / "file.bin", context)
    assert (tmp_path / "file.bin").read_bytes() == b"content"
    assert tokens_of(site) == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["host", "port"])
def test_token_is_dropped_on_redirect_to_other_host_or_port(
    site, make_site, tmp_path, context, host
):
    other = make_site() if host == "127.0.0.1" else site
    other.serve("/file", b"content")
    address = site.serve("/moved", b"", first=[site.redirect(other.url("/file", host))])
    download(PLAIN, [WebFile(address, "A_TOKEN")], tmp_path / "file.bin", context)
    assert (tmp_path / "file.bin").read_bytes() == b"content"
    assert tokens_of(site)[0] == f"Bearer {TOKEN}"
    assert tokens_of(other)[-1] is None
    assert TOKEN not in str(other.requests[-1])


def test_redirect_from_https_to_http_is_rejected(tls_site, site, tmp_path, context):
    site.serve("/file", b"content")
    address = tls_site.serve("/moved", b"", first=[tls_site.redirect(site.url("/file"))])
    with pytest.raises(TransferError, match="http://127"):
        download(PLAIN, [WebFile(address, "A_TOKEN")], tmp_path / "file.bin", context)
    assert site.requests == []


def test_token_is_not_sent_over_http(tmp_path, context):
    origin = WebFile(Address("http://example.invalid/file"), "A_TOKEN")
    with pytest.raises(TransferError, match=r"\$A_TOKEN"):
        download(PLAIN, [origin], tmp_path / "file.bin", context)


def test_invalid_certificate_falls_back_to_next_origin(
    make_site, certificate_for, tmp_path, context, monkeypatch, caplog
):
    certificate, other = certificate_for("127.0.0.1"), certificate_for("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(other[0]))
    server, site = make_site(certificate), make_site()
    origins = [WebFile(server.serve("/file", b"content")), WebFile(site.serve("/copy", b"content"))]
    assert download(PLAIN, origins, tmp_path / "file.bin", context).origin == site.url("/copy")
    assert server.requests == []
    assert "certificate" in caplog.text


def test_403_names_token_variable_and_page(site, tmp_path, context):
    address = site.serve("/file", b"content", first=[site.status(403)])
    origin = WebFile(address, "A_TOKEN", page="https://example.org/terms")
    with pytest.raises(TransferError, match=r"403.*\$A_TOKEN.*https://example\.org/terms"):
        download(PLAIN, [origin], tmp_path / "file.bin", context)


def test_login_page_is_rejected(site, tmp_path, context):
    headers = {"Content-Type": "text/html; charset=utf-8"}
    address = site.serve("/file.zip", b"<html>Please log in</html>", headers=headers)
    with pytest.raises(TransferError, match="web page"):
        download(PLAIN, [WebFile(address)], tmp_path / "file.zip", context)
    assert list(tmp_path.iterdir()) == []


def test_response_without_length_is_rejected(site, tmp_path, context):
    def until_the_connection_ends(handler, served) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"half of it")

    address = site.serve("/file", b"", first=[until_the_connection_ends])
    with pytest.raises(TransferError):
        download(PLAIN, [WebFile(address)], tmp_path / "file.bin", context)


def test_response_longer_than_expected_is_aborted(site, tmp_path, context):
    def endless(handler, served) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"400\r\n" + bytes(1024) + b"\r\n")

    address = site.serve("/file", b"", first=[endless])
    with pytest.raises(TransferError, match="5,000"):
        download(ExpectedFile("file", 5000), [WebFile(address)], tmp_path / "file.bin", context)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://example.org:8443/b.zip?rlkey=hidden&dl=1#top",
            "https://example.org:8443/b.zip?…",
        ),
        ("HTTPS://Example.ORG/b.zip", "https://example.org/b.zip"),
    ],
)
def test_str_of_address_omits_query_and_fragment(url, shown):
    address = Address(url)
    assert str(address) == f"{address}" == shown
    assert "hidden" not in repr(address)
    assert address.url == url


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/b.zip",
        "https://user:hidden@example.org/b.zip",
        # Parsers disagree about the host: example.org or evil.example.
        "https://example.org\\@evil.example/b.zip?k=hidden",
        "",
    ],
)
def test_invalid_address_is_rejected_without_showing_secrets(url):
    with pytest.raises(ValueError, match="expected an address") as caught:
        Address(url)
    assert "hidden" not in str(caught.value)
