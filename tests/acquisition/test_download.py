"""Downloads: from the first origin that delivers, and never with wrong content."""

import re
from dataclasses import replace

import pytest
from tests.acquisition.conftest import PLAIN, left_beside, published, sha256

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.download import download
from vqathinker.acquisition.errors import TransferError, WrongContentError
from vqathinker.acquisition.web import WebFile


def test_a_wrong_hash_is_an_error_that_names_both_and_leaves_nothing(site, tmp_path, context):
    address, target = site.has("/file", b"damaged!"), tmp_path / "file.bin"
    with pytest.raises(TransferError) as caught:
        download(published(b"original"), [WebFile(address)], target, context)
    assert sha256(b"damaged!") in str(caught.value)
    assert sha256(b"original") in str(caught.value)
    assert str(address) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_when_no_origin_delivers_the_error_says_why_of_each_and_what_to_do(
    site, make_site, tmp_path, context
):
    target = tmp_path / "here" / "file.bin"
    with_mirror = replace(context, mirror=tmp_path / "mirror")
    gone, dropping = site.address("/gone"), make_site()
    drops = [dropping.whole(until=4), *(dropping.status(500) for _ in range(9))]
    address = dropping.has("/file", b"0123456789", first=drops)
    with pytest.raises(TransferError) as caught:
        download(PLAIN, [WebFile(gone), WebFile(address)], target, with_mirror)
    message = str(caught.value)
    for named in (f"{tmp_path}/mirror/set/file.bin", target, f"{gone}: 404", f"{address}: 500"):
        assert str(named) in message
    assert "from the 4 bytes" in message


def test_the_mirror_folder_comes_first_and_nobody_is_asked(site, tmp_path, context):
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "file.bin").write_bytes(b"original")
    context = replace(context, mirror=tmp_path / "mirror")
    target = tmp_path / "here" / "file.bin"
    origins = [WebFile(site.has("/file", b"original"))]
    done = download(published(b"original"), origins, target, context)
    assert target.read_bytes() == b"original"
    assert done.origin == f"{tmp_path}/mirror/set/file.bin"
    assert site.asked == []


@pytest.mark.parametrize("content", [b"original", b"somebody's work"])
def test_an_existing_file_is_verified_and_never_overwritten(site, tmp_path, context, content):
    target = tmp_path / "file.bin"
    target.write_bytes(content)
    origins = [WebFile(site.has("/file", b"original"))]
    if content == b"original":
        assert download(published(b"original"), origins, target, context).origin is None
    else:
        with pytest.raises(WrongContentError, match=re.escape(str(target))):
            download(published(b"original"), origins, target, context)
    assert site.asked == []
    assert target.read_bytes() == content
    assert left_beside(target) == []


def test_the_first_hash_is_recorded_and_a_later_difference_is_an_error(site, tmp_path, context):
    table = tmp_path / "data-hashes.csv"
    context = replace(context, hash_table=HashTable(table))
    address = site.has("/file", b"original")
    download(PLAIN, [WebFile(address)], tmp_path / "first.bin", context)
    assert f"set/file.bin,8,{sha256(b'original')}" in table.read_text()

    site.has("/file", b"changed!")
    with pytest.raises(TransferError) as caught:
        download(PLAIN, [WebFile(address)], tmp_path / "second.bin", context)
    message = str(caught.value)
    assert sha256(b"original") in message
    assert sha256(b"changed!") in message
    assert str(table) in message
    assert not (tmp_path / "second.bin").exists()
    assert table.read_text().count("set/file.bin") == 1


PAGE = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>\n"


@pytest.mark.parametrize("is_binary", [False, True])
def test_a_web_page_is_no_file_and_the_next_origin_is_asked(
    site, make_site, tmp_path, context, is_binary
):
    """Servers call such pages whatever they would have called the file."""
    context = replace(context, hash_table=HashTable(tmp_path / "hashes.csv"))
    expected = replace(PLAIN, is_binary=is_binary)
    binary = {"Content-Type": "application/octet-stream"}
    page, target = site.has("/file", PAGE, headers=binary), tmp_path / "here" / "file.bin"
    with pytest.raises(TransferError, match="Quota exceeded"):
        download(expected, [WebFile(page)], target, context)
    assert list(target.parent.iterdir()) == []
    assert not (tmp_path / "hashes.csv").exists()
    right = make_site().has("/file", b"\0original", headers=binary)
    done = download(expected, [WebFile(page), WebFile(right)], target, context)
    assert done.origin == str(right)
