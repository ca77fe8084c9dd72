"""Tar files as other programs write them: links to their own members, more than one, a rest."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.acquisition.archives.members import ArchiveLimits, DamagedArchiveError
from vqathinker.acquisition.archives.unpack import unpack
from vqathinker.acquisition.transfer.errors import UnsafeError

AMPLE = ArchiveLimits(files=1000, bytes=100_000_000, ratio=1000.0)
PACK = {"plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


def tar_of(*members: tuple[str, bytes | str]) -> bytes:
    """Names with their content; text is the name that a hard link leads to."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.LNKTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def unpacked(archive: Callable, files_below: Callable, tmp_path: Path) -> Callable:
    """unpacked(content) are the files of an archive; keywords go to `unpack`."""

    def unpacked(content: bytes, **more: object) -> dict[str, bytes]:
        unpack(archive(content), tmp_path / "source", limits=AMPLE, **more)
        return files_below(tmp_path / "source")

    return unpacked


TWICE = tar_of(("a/1.mp4", b"one"), ("b/1.mp4", "a/1.mp4"), ("c.mp4", "./b/1.mp4"))


def test_a_hard_link_to_an_earlier_member_is_that_member_again(unpacked: Callable) -> None:
    wanted = {"a/1.mp4": b"one", "b/1.mp4": b"one", "c.mp4": b"one"}
    for _ in range(2):  # what is there is compared
        assert unpacked(TWICE) == wanted


def test_copies_are_files_of_their_own(unpacked: Callable, tmp_path: Path) -> None:
    unpacked(TWICE)
    assert (tmp_path / "source" / "b" / "1.mp4").stat().st_nlink == 1


def test_a_hard_link_to_private_data_is_not_kept_either(unpacked: Callable) -> None:
    content = tar_of(("raters.csv", b"10.0.0.1"), ("copy.csv", "raters.csv"), ("1.mp4", b"one"))
    assert unpacked(content, private=["raters.csv"]) == {"1.mp4": b"one"}


@pytest.mark.parametrize("target", ["later.mp4", "link.mp4", "../outside", "/etc/passwd", "a"])
def test_a_hard_link_to_anything_else_is_refused(unpacked: Callable, target: str) -> None:
    content = tar_of(("a/1.mp4", b"one"), ("link.mp4", target), ("later.mp4", b"two"))
    with pytest.raises(UnsafeError):
        unpacked(content)


def test_links_count_as_much_as_files(archive: Callable, tmp_path: Path) -> None:
    """Each takes its room on the disk."""
    content = tar_of(("1", bytes(1000)), *((f"link{n}", "1") for n in range(9)))
    with pytest.raises(UnsafeError, match="unpacks to more than 5,000 bytes"):
        unpack(archive(content), tmp_path / "s", limits=ArchiveLimits(100, 5000, 100.0))


REST = {
    "words": b"uploaded by example.org\n" * 20,
    "a block": b"x" * 512,
    "half a mebibyte": b"x" * (1 << 19),
    "zeros, then words": bytes(20_000) + b"words",
}


@pytest.mark.parametrize("rest", REST.values(), ids=REST)
@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_bytes_behind_the_end_are_left_out_and_that_is_said(
    unpacked: Callable, caplog: pytest.LogCaptureFixture, pack: Callable, rest: bytes
) -> None:
    files = {"1.mp4": b"one", "2.mp4": bytes(range(256)) * 2000}
    assert unpacked(pack(tar_of(*files.items())) + rest) == files
    if pack in (bytes, gzip.compress):  # Python's readers of the others say nothing
        assert "bytes behind the end of the archive are left out" in caplog.text


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_a_tar_inside_with_a_rest_is_read_too(unpacked: Callable, pack: Callable) -> None:
    assert unpacked(pack(tar_of(("1.mp4", b"one")) + b"words")) == {"1.mp4": b"one"}


def test_a_gzip_in_several_members_with_padding_is_one(unpacked: Callable) -> None:
    content = tar_of(("1.mp4", bytes(range(256)) * 4000))
    half = len(content) // 2
    packed = gzip.compress(content[:half]) + bytes(700) + gzip.compress(content[half:])
    assert unpacked(packed + bytes(300_000))["1.mp4"] == bytes(range(256)) * 4000


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_several_tars_in_one_are_never_read_as_the_first_alone(
    unpacked: Callable, pack: Callable
) -> None:
    content = pack(tar_of(("1.mp4", b"one"))) + pack(tar_of(("2.mp4", b"two")))
    with pytest.raises(DamagedArchiveError, match=r"several tar files.*tar --ignore-zeros -xf"):
        unpacked(content)


def test_a_damaged_header_between_two_files_is_no_end(unpacked: Callable) -> None:
    content = bytearray(tar_of(("1.mp4", b"one"), ("2.mp4", b"two"), ("3.mp4", b"three")))
    content[1024 + 100] ^= 0xFF  # in the header of the second
    with pytest.raises(DamagedArchiveError, match="damaged inside"):
        unpacked(bytes(content))


@pytest.mark.parametrize("at", [12, -8, -3])
def test_a_changed_byte_of_a_gzip_is_found(unpacked: Callable, at: int) -> None:
    content = bytearray(gzip.compress(tar_of(("1.mp4", bytes(range(256)) * 40))))
    content[at] ^= 0xFF
    with pytest.raises(DamagedArchiveError, match="get the archive again") as caught:
        unpacked(bytes(content))
    assert "Error" not in str(caught.value)


def test_a_compressed_file_that_is_no_tar_names_what_unpacks_it(unpacked: Callable) -> None:
    with pytest.raises(DamagedArchiveError, match=r"or, where it is one packed file, .* gunzip"):
        unpacked(gzip.compress(b"one video, so to say" * 100))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_is_refused_and_the_way_out_is_named(
    unpacked: Callable, kind: bytes
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("1.mp4")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(UnsafeError, match="no file; where you trust it, unpack it yourself below"):
        unpacked(out.getvalue())


def test_names_in_other_encodings_name_the_command_that_reads_them(unpacked: Callable) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding="gbk") as archive:
        archive.addfile(tarfile.TarInfo("测试.mp4"))
    with pytest.raises(UnsafeError, match=r"are no UTF-8\. .* bsdtar -xf .* hdrcharset="):
        unpacked(out.getvalue())
