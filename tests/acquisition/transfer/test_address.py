"""Addresses: read as the client reads them, shown without what a query hides."""

import pytest

from vqathinker.acquisition.transfer.address import Address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a/b.zip", "https://example.org/a/b.zip"),
        (
            "https://example.org:8443/b.zip?rlkey=hidden&dl=1#top",
            "https://example.org:8443/b.zip?…",
        ),
        ("HTTPS://Example.ORG/b.zip", "https://example.org/b.zip"),
    ],
)
def test_an_address_is_shown_without_query_and_fragment(url: str, shown: str) -> None:
    address = Address(url)
    assert str(address) == f"{address}" == shown
    assert "hidden" not in repr(address)
    assert address.url == url


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/b.zip",
        "file:///etc/passwd",
        "example.org/b.zip",
        "https:///b.zip",
        "https://user:hidden@example.org/b.zip",
        "https://hidden@example.org/b.zip",
        # Some parsers take example.org for the host of this, others evil.example.
        "https://example.org\\@evil.example/b.zip?k=hidden",
        "https://user:hidden@[::1/b.zip?k=hidden",
        "",
    ],
)
def test_what_is_no_address_of_the_web_is_refused_without_showing_it_all(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected|no address|holds a user name") as caught:
        Address(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://example.org/a", "https://EXAMPLE.org:443/b", True),
        ("https://example.org/a", "https://example.org:444/a", False),
        ("https://example.org/a", "http://example.org/a", False),
        ("https://example.org/a", "https://www.example.org/a", False),
        ("https://example.org/a", "https://example.org.evil.example/a", False),
    ],
)
def test_a_host_is_scheme_name_and_port(one: str, other: str, same: bool) -> None:
    assert (Address(one).server == Address(other).server) == same


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/c", "https://example.org/c"),
        ("c?k=1", "https://example.org/a/c?k=1"),
        ("//cdn.example.org/c", "https://cdn.example.org/c"),
        ("http://example.com/", "http://example.com/"),
    ],
)
def test_a_redirect_is_read_from_where_it_stands(location: str, url: str) -> None:
    assert Address("https://example.org/a/b?q=1").join(location).url == url


def test_only_tls_and_this_machine_are_confidential() -> None:
    assert Address("https://example.org/a").is_confidential
    assert Address("http://127.0.0.1:8000/a").is_confidential
    assert not Address("http://example.org/a").is_confidential
    assert not Address("http://127.0.0.1.example.org/a").is_confidential


def test_addresses_that_differ_in_the_query_have_other_fingerprints() -> None:
    one, two = Address("https://example.org/get?id=1"), Address("https://example.org/get?id=2")
    assert one.fingerprint != two.fingerprint
    assert one.fingerprint == Address(one.url).fingerprint


def test_the_suffix_is_that_of_the_path() -> None:
    assert Address("https://example.org/a.b/c.tar.GZ?x=.html").suffix == ".gz"
    assert Address("https://example.org/a.b/c").suffix == ""
