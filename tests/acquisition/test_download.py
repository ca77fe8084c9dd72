"""Downloads use the first origin that delivers, and never accept wrong content."""

import re
from dataclasses import replace

import pytest
from tests.acquisition.conftest import PLAIN, other_files, published, sha256

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.download import download, record_hash
from vqathinker.acquisition.errors import TransferError, WrongContentError
from vqathinker.acquisition.web import WebFile


def test_wrong_hash_names_both_hashes_and_leaves_no_file(site, tmp_path, context):
    address, target = site.serve("/file", b"damaged!"), tmp_path / "file.bin"
    with pytest.raises(TransferError) as caught:
        download(published(b"original"), [WebFile(address)], target, context)
    assert sha256(b"damaged!") in str(caught.value)
    assert sha256(b"original") in str(caught.value)
    assert str(address) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_error_lists_reason_per_origin_and_remedy(site, make_site, tmp_path, context):
    target = tmp_path / "here" / "file.bin"
    with_mirror = replace(context, mirror=tmp_path / "mirror")
    gone, dropping = site.address("/gone"), make_site()
    drops = [dropping.whole(until=4), *(dropping.status(500) for _ in range(9))]
    address = dropping.serve("/file", b"0123456789", first=drops)
    with pytest.raises(TransferError) as caught:
        download(PLAIN, [WebFile(gone), WebFile(address)], target, with_mirror)
    message = str(caught.value)
    for named in (f"{tmp_path}/mirror/set/file.bin", target, f"{gone}: 404", f"{address}: 500"):
        assert str(named) in message
    assert "the 4 bytes" in message


def test_mirror_folder_is_used_before_network(site, tmp_path, context):
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "file.bin").write_bytes(b"original")
    context = replace(context, mirror=tmp_path / "mirror")
    target = tmp_path / "here" / "file.bin"
    origins = [WebFile(site.serve("/file", b"original"))]
    done = download(published(b"original"), origins, target, context)
    assert target.read_bytes() == b"original"
    assert done.origin == f"{tmp_path}/mirror/set/file.bin"
    assert site.requests == []


@pytest.mark.parametrize("content", [b"original", b"somebody's work"])
def test_existing_file_is_verified_and_never_overwritten(site, tmp_path, context, content):
    target = tmp_path / "file.bin"
    target.write_bytes(content)
    origins = [WebFile(site.serve("/file", b"original"))]
    if content == b"original":
        assert download(published(b"original"), origins, target, context).origin is None
    else:
        with pytest.raises(WrongContentError, match=re.escape(str(target))):
            download(published(b"original"), origins, target, context)
    assert site.requests == []
    assert target.read_bytes() == content
    assert other_files(target) == []


def test_first_hash_is_recorded_and_later_mismatch_raises(site, tmp_path, context):
    table = tmp_path / "data-hashes.csv"
    context = replace(context, hash_table=HashTable(table))
    address = site.serve("/file", b"original")
    done = download(PLAIN, [WebFile(address)], tmp_path / "first.bin", context)
    record_hash(PLAIN, done.size, done.sha256, done.origin, context)
    assert f"set/file.bin,8,{sha256(b'original')}" in table.read_text()

    site.serve("/file", b"changed!")
    with pytest.raises(TransferError) as caught:
        download(PLAIN, [WebFile(address)], tmp_path / "second.bin", context)
    message = str(caught.value)
    assert sha256(b"original") in message
    assert sha256(b"changed!") in message
    assert str(table) in message
    assert not (tmp_path / "second.bin").exists()
    assert table.read_text().count("set/file.bin") == 1
