"""Hostile archives never write outside the target."""

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

from vqathinker.acquisition.errors import DamagedArchiveError, UnsafeError
from vqathinker.acquisition.safe_path import safe_path
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


def tarred(*members: tarfile.TarInfo, contents: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(contents) if member.isreg() else None)
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    info.devmajor, info.devminor = (1, 3) if kind in (tarfile.CHRTYPE, tarfile.BLKTYPE) else (0, 0)
    return info


ABSOLUTE = f"{tempfile.gettempdir()}/evil-of-vqathinker"  # never written

HOSTILE: dict[str, Callable[[], bytes]] = {
    "zip: absolute": lambda: zipped((ABSOLUTE, b"evil")),
    "zip: upwards": lambda: zipped(("../outside/evil", b"evil")),
    "zip: upwards on Windows": lambda: zipped(("..\\outside\\evil", b"evil")),
    "zip: a name with a line break": lambda: zipped(("a\n../evil", b"evil")),
    "zip: a symbolic link": lambda: zipped_as("evil", stat.S_IFLNK),
    "zip: a device": lambda: zipped_as("evil", stat.S_IFCHR),
    "zip: many bytes": lambda: zipped(*((f"{n}", os.urandom(200_000)) for n in range(6))),
    "zip: many files": lambda: zipped(*((f"{n}", b"") for n in range(20))),
    "tar: absolute": lambda: tarred(member(ABSOLUTE)),
    "tar: upwards": lambda: tarred(member("../outside/evil")),
    "tar: a symbolic link": lambda: tarred(member("evil", tarfile.SYMTYPE, "/etc/passwd")),
    "tar: a hard link": lambda: tarred(member("evil", tarfile.LNKTYPE, "/etc/passwd")),
    "tar: a character device": lambda: tarred(member("null", tarfile.CHRTYPE)),
    "tar: many bytes": lambda: tarred(member("large", size=2_000_000), contents=bytes(2_000_000)),
    "tar: many files": lambda: tarred(*(member(f"{n}") for n in range(20))),
    "tar: a name that is no text": lambda: tarred(member("a\udcffb")),
}


def tree(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Mode of everything below a folder, and content of files."""
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
def test_hostile_archive_is_rejected_and_writes_nothing_outside(kind, outside):
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
        assert content in (b"", b"good")  # of a tar, members before the hostile one
    if kind.startswith("zip"):
        assert inside == {}
    assert not Path(ABSOLUTE).exists()


def test_member_with_wrong_size_raises(outside):
    archive = outside / "archive"
    size = struct.pack("<I", 500_000)
    lying = zipped(("lie", bytes(500_000))).replace(size, struct.pack("<I", 4))
    archive.write_bytes(lying)
    with pytest.raises(DamagedArchiveError):
        unpack([archive], outside / "target", **LIMITS)
    assert all(path.stat().st_size <= 4 for path in (outside / "target").rglob("*"))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("./videos//a.mp4", "videos/a.mp4"),
        ("videos/a.mp4/", "videos/a.mp4"),
        ("..a/b..mp4", "..a/b..mp4"),
        ("ab:c.mp4", "ab:c.mp4"),
        ("Ünïcode/视频.mp4", "Ünïcode/视频.mp4"),
    ],
)
def test_safe_names_are_kept(name, path):
    assert str(safe_path(name)) == path


@pytest.mark.parametrize(
    "name",
    ["", "/", ".", "./", "a/../b", "..", "/a", "C:", "c:a", "a\\b", "a\0", "\x1b[2J"],
)
def test_unsafe_names_are_rejected(name):
    with pytest.raises(UnsafeError) as caught:
        safe_path(name)
    assert str(caught.value).isprintable()
