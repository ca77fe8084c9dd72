"""Damaged archives and full disks: nothing passes in silence, nothing half is left."""

import io
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from vqathinker.acquisition.archives.members import ArchiveLimits, DamagedArchiveError
from vqathinker.acquisition.archives.unpack import unpack
from vqathinker.acquisition.transfer.errors import DiskFullError

AMPLE = ArchiveLimits(files=1000, bytes=100_000_000, ratio=1000.0)


# LSVQ has equal names in different folders; a folder of its own is empty here.
LSVQ = {
    "yfcc-batch1/747.mp4": b"one video",
    "yfcc-batch2/747.mp4": b"another video",
    "ia-batch1/sub/747.mp4": b"a third",
    "labels.csv": b"name,mos\n",
    "empty.mp4": b"",
}


def test_the_archive_goes_only_when_all_is_unpacked(
    archive: Callable, pack: Callable, tmp_path: Path
) -> None:
    path = archive(pack("zip", LSVQ)[:-30])
    with pytest.raises(DamagedArchiveError):
        unpack(path, tmp_path / "source", limits=AMPLE, keep_archive=False)
    assert path.exists()
    path.write_bytes(pack("zip", LSVQ))
    unpack(path, tmp_path / "source", limits=AMPLE, keep_archive=False)
    assert not path.exists()


# What is left of an archive of LSVQ's files.
REMAINS: dict[str, Callable[[Callable], bytes]] = {
    "zip without its end": lambda pack: pack("zip", LSVQ)[:-10],
    "tar in a file": lambda pack: pack("tar", LSVQ)[:700],
    "tar in a header": lambda pack: pack("tar", LSVQ)[:1100],
    "tar between files": lambda pack: pack("tar", LSVQ)[:1024],
    "gzip without its checksum": lambda pack: pack("tar.gz", LSVQ)[:-6],
    "gzip in the middle": lambda pack: pack("tar.gz", LSVQ)[:100],
    "xz without its end": lambda pack: pack("tar.xz", LSVQ)[:-20],
    "bz2 without its end": lambda pack: pack("tar.bz2", LSVQ)[:-20],
    "empty": lambda pack: b"",
    "two letters": lambda pack: b"PK",
    "web page": lambda pack: b"<html>Please log in</html>",
    "looks like gzip": lambda pack: b"\x1f\x8bno gzip at all",
}


@pytest.mark.parametrize("remains", REMAINS)
def test_an_archive_that_is_not_whole_never_passes(
    remains: str, archive: Callable, pack: Callable, files_below: Callable, tmp_path: Path
) -> None:
    path = archive(REMAINS[remains](pack))
    with pytest.raises(DamagedArchiveError, match="get the archive again") as caught:
        unpack(path, tmp_path / "source", limits=AMPLE, keep_archive=False)
    assert str(path) in str(caught.value)
    assert path.exists()
    for name, data in files_below(tmp_path / "source").items():
        assert data == LSVQ[name]


def test_a_changed_byte_is_found(archive: Callable, tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as stored:
        stored.writestr("clip.mp4", bytes(1000))
    content = bytearray(out.getvalue())
    content[500] ^= 1
    with pytest.raises(DamagedArchiveError, match=r"clip\.mp4 cannot be read to its end"):
        unpack(archive(bytes(content)), tmp_path / "source", limits=AMPLE)
    assert list((tmp_path / "source").iterdir()) == []


def test_a_packing_that_python_does_not_know_names_the_way_out(
    archive: Callable, pack: Callable, tmp_path: Path
) -> None:
    content = bytearray(pack("zip", {"clip.mp4": bytes(1000)}))
    content[content.index(b"PK\x01\x02") + 10] = 9  # Deflate64, as Windows writes large files
    content[8] = 9
    with pytest.raises(DamagedArchiveError, match="unpack the archive with another program"):
        unpack(archive(bytes(content)), tmp_path / "source", limits=AMPLE)


def test_an_archive_larger_than_the_disk_is_refused_before_the_first_file(
    archive: Callable,
    pack: Callable,
    files_below: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10_000))
    with pytest.raises(DiskFullError, match="20,000 more bytes needed, 10,000 free"):
        unpack(archive(pack("zip", {"a": bytes(20_000)})), tmp_path / "source", limits=AMPLE)
    assert files_below(tmp_path / "source") == {}


def test_a_disk_that_fills_up_keeps_whole_files_and_goes_on_later(
    archive: Callable, pack: Callable, files_below: Callable, tmp_path: Path
) -> None:
    """A limit of the process stands for the disk: the kernel refuses the write."""
    files = {"1.mp4": bytes(10_000), "2.mp4": bytes(90_000)}
    path, target = archive(pack("tar", files)), tmp_path / "source"
    code = """
        import resource, sys
        from pathlib import Path
        from vqathinker.acquisition.transfer.errors import DiskFullError
        from vqathinker.acquisition.archives.members import ArchiveLimits
        from vqathinker.acquisition.archives.unpack import unpack
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            unpack(Path(sys.argv[1]), Path(sys.argv[2]), limits=ArchiveLimits(9, 1_000_000, 1000.0))
        except DiskFullError as error:
            print(error)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(path), str(target)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "2.mp4: the file system, or a limit of this process, takes no" in done.stdout
    assert "more bytes needed" in done.stdout
    assert files_below(target) == {"1.mp4": bytes(10_000)}
    assert [str(path) for path in unpack(path, target, limits=AMPLE).present] == ["1.mp4"]
    assert files_below(target) == files
