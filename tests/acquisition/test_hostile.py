"""Hostile archives: nothing outside the target, whatever they say."""

import io
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.acquisition.errors import ConflictError, DamagedArchiveError, UnsafeError
from vqathinker.acquisition.unpack import unpack

LIMITS = {"max_files": 10, "max_bytes": 1_000_000}


def zipped(*members: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.mp4", b"good")
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def zipped_as(name: str, mode: int, content: bytes = b"/etc/passwd") -> bytes:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (mode | 0o777) << 16
    return zipped((info, content))


def overlapping_zip() -> bytes:
    """Many members that share one compressed body, as in the zip bomb of David Fifield (2019)."""
    content = bytearray(zipped(("bomb", bytes(900_000))))
    directory = content.index(b"PK\x01\x02")
    body = content[directory:]
    entry = body[body.index(b"PK\x01\x02", 1) : body.index(b"PK\x05\x06")]
    end = bytearray(body[body.index(b"PK\x05\x06") :])
    many = bytes(entry) * 5
    end[8:12] = struct.pack("<HH", 5, 5)
    end[12:16] = struct.pack("<I", len(many))
    return bytes(content[:directory]) + many + bytes(end)


def lying_zip() -> bytes:
    """A member that says it has 4 bytes and has many."""
    content = bytearray(zipped(("lie", bytes(500_000))))
    size = struct.pack("<I", 500_000)
    return bytes(content.replace(size, struct.pack("<I", 4)))


def tarred(*members: tarfile.TarInfo, mode: str = "w", contents: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=tarfile.GNU_FORMAT) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(contents) if member.isreg() else None)
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    info.devmajor, info.devminor = (1, 3) if kind in (tarfile.CHRTYPE, tarfile.BLKTYPE) else (0, 0)
    return info


def through_a_link() -> bytes:
    """First a link out of the target, then a file behind it."""
    evil = member("videos/evil", size=4)
    return tarred(member("videos", tarfile.SYMTYPE, "../outside"), evil, contents=b"evil")


ABSOLUTE = f"{tempfile.gettempdir()}/evil-of-vqathinker"  # never written

HOSTILE: dict[str, Callable[[], bytes]] = {
    "zip: absolute": lambda: zipped((ABSOLUTE, b"evil")),
    "zip: upwards": lambda: zipped(("../outside/evil", b"evil")),
    "zip: upwards from inside": lambda: zipped(("videos/../../outside/evil", b"evil")),
    "zip: upwards on Windows": lambda: zipped(("..\\outside\\evil", b"evil")),
    "zip: a drive": lambda: zipped(("C:/evil", b"evil")),
    "zip: a name with a line break": lambda: zipped(("a\n../evil", b"evil")),
    "zip: a symbolic link": lambda: zipped_as("evil", stat.S_IFLNK),
    "zip: a device": lambda: zipped_as("evil", stat.S_IFCHR),
    "zip: a FIFO": lambda: zipped_as("evil", stat.S_IFIFO),
    "zip: a bomb": lambda: zipped(("bomb", bytes(900_000))),
    "zip: members that overlap": overlapping_zip,
    "zip: many bytes": lambda: zipped(*((f"{n}", os.urandom(200_000)) for n in range(6))),
    "zip: many files": lambda: zipped(*((f"{n}", b"") for n in range(20))),
    "tar: absolute": lambda: tarred(member(ABSOLUTE)),
    "tar: upwards": lambda: tarred(member("../outside/evil")),
    "tar: upwards from inside": lambda: tarred(member("videos/../../outside/evil")),
    "tar: a folder upwards": lambda: tarred(member("../outside2", tarfile.DIRTYPE)),
    "tar: a symbolic link": lambda: tarred(member("evil", tarfile.SYMTYPE, "/etc/passwd")),
    "tar: a symbolic link and a file through it": through_a_link,
    "tar: a hard link": lambda: tarred(member("evil", tarfile.LNKTYPE, "/etc/passwd")),
    "tar: a hard link upwards": lambda: tarred(member("e", tarfile.LNKTYPE, "../outside/mine")),
    "tar: a character device": lambda: tarred(member("null", tarfile.CHRTYPE)),
    "tar: a block device": lambda: tarred(member("disk", tarfile.BLKTYPE)),
    "tar: a FIFO": lambda: tarred(member("pipe", tarfile.FIFOTYPE)),
    "tar: a bomb": lambda: tarred(
        member("bomb", size=900_000), mode="w:gz", contents=bytes(900_000)
    ),
    "tar: many bytes": lambda: tarred(member("large", size=2_000_000), contents=bytes(2_000_000)),
    "tar: many files": lambda: tarred(*(member(f"{n}") for n in range(20))),
    "tar: a name that is no text": lambda: tarred(member("a\udcffb")),
}


def tree(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Everything below a folder: kind, and content of files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        found[str(path)] = mode, path.read_bytes() if stat.S_ISREG(mode) else None
    return found


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine").write_text("mine")
    (tmp_path / "target").mkdir()
    return tmp_path


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_is_refused_and_touches_nothing_outside(kind: str, outside: Path) -> None:
    archive = outside / "archive"
    archive.write_bytes(HOSTILE[kind]())
    before = tree(outside)
    with pytest.raises(UnsafeError) as caught:
        unpack([archive], outside / "target", **LIMITS)
    assert str(archive) in str(caught.value)
    inside = tree(outside / "target")
    after = {path: entry for path, entry in tree(outside).items() if path not in inside}
    assert after == before
    for mode, content in inside.values():
        assert stat.S_ISREG(mode)
        assert content in (b"", b"good")  # of a tar, what came before
    if kind.startswith("zip"):
        assert inside == {}
    assert not Path(ABSOLUTE).exists()


def test_a_member_that_lies_about_its_size_is_found_out(outside: Path) -> None:
    archive = outside / "archive"
    archive.write_bytes(lying_zip())
    with pytest.raises(DamagedArchiveError):
        unpack([archive], outside / "target", **LIMITS)
    assert all(size <= 4 for size in sizes(outside / "target"))


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.rglob("*")]


@pytest.mark.parametrize("hole", ["link", "pipe"])
def test_what_is_in_the_place_of_a_file_is_not_written_through(hole: str, outside: Path) -> None:
    place = outside / "target" / "clip.mp4"
    if hole == "link":
        place.symlink_to(outside / "outside" / "mine")
        (outside / "outside" / "mine").write_bytes(bytes(place.lstat().st_size))
    else:
        os.mkfifo(place)
    archive = outside / "archive"
    content = b"" if hole == "pipe" else bytes(len(str(outside / "outside" / "mine")))
    archive.write_bytes(zipped(("clip.mp4", content)))  # of the size that the hole has
    with pytest.raises(ConflictError, match=r"clip\.mp4"):
        unpack([archive], outside / "target", **LIMITS)
    assert place.is_symlink() or place.is_fifo()


def test_a_target_that_is_a_link_of_the_users_own_is_fine(outside: Path) -> None:
    (outside / "large_disk").mkdir()
    (outside / "data").symlink_to(outside / "large_disk")
    archive = outside / "archive"
    archive.write_bytes(zipped())
    unpack([archive], outside / "data", **LIMITS)
    assert (outside / "large_disk" / "good.mp4").read_bytes() == b"good"
