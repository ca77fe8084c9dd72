"""Unpacking writes every file, overwrites nothing and resumes."""

import base64
import io
import os
import signal
import stat
import subprocess
import sys
import textwrap
import zipfile
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.acquisition.conftest import files_below, pack

from vqathinker.acquisition.errors import (
    ConflictError,
    DamagedArchiveError,
    DiskFullError,
)
from vqathinker.acquisition.unpack import unpack

LIMITS = {"max_files": 1000, "max_bytes": 100_000_000}


# Equal names in different folders, as in LSVQ.
LSVQ = {
    "yfcc-batch1/747.mp4": b"one video",
    "yfcc-batch2/747.mp4": b"another video",
    "ia-batch1/sub/747.mp4": b"a third",
    "labels.csv": b"name,mos\n",
    "empty.mp4": b"",
}


def noise(size: int, seed: int = 0) -> bytes:
    """Incompressible bytes, like videos."""
    return np.random.default_rng(seed).bytes(size)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(
        st.text("abAB.-_ é😀", min_size=1, max_size=12).filter(lambda name: name.strip(". ")),
        st.binary(max_size=200),
        max_size=6,
    ),
    kind=st.sampled_from(["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]),
    cut=st.integers(0, 2),
)
def test_roundtrip_of_archives_whole_and_in_parts(files, kind, cut, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    content = pack(kind, {f"folder/{name}": data for name, data in files.items()})
    borders = [len(content) * number // (cut + 1) for number in range(cut + 2)]
    parts = []
    for number, (start, end) in enumerate(pairwise(borders)):
        parts.append(folder / f"archive_parta{number}")
        parts[-1].write_bytes(content[start:end])
    placed = unpack(parts, folder / "source", **LIMITS)
    expected = {f"folder/{name}": data for name, data in files.items()}
    assert {str(path) for path in placed} == set(expected)
    assert files_below(folder / "source") == expected


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_killed_unpacking_resumes(kind, archive, unpack_all, tmp_path):
    files = {f"folder{number % 3}/{number}.mp4": noise(50_000, number) for number in range(60)}
    path, target = archive(pack(kind, files)), tmp_path / "source"
    code = f"""
        import signal
        from itertools import count
        from pathlib import Path
        from vqathinker.acquisition import unpack
        read_chunks, started = unpack._read_chunks, count()
        def stop_in_the_21st(member):
            for chunk in read_chunks(member):
                if next(started) == 20:
                    yield chunk[:30_000]
                    print("in the middle", flush=True)
                    signal.pause()
                yield chunk
        unpack._read_chunks = stop_in_the_21st
        paths = [Path({str(path)!r})]
        unpack.unpack(paths, Path({str(target)!r}), max_files=1000, max_bytes=100_000_000)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "in the middle\n"
        child.send_signal(signal.SIGKILL)
    half = {str(file): file.stat().st_mtime_ns for file in target.rglob("*.mp4")}
    assert len(half) == 20
    assert all(Path(file).stat().st_size == 50_000 for file in half)
    assert unpack_all(path) == files
    for file, written in half.items():
        assert Path(file).stat().st_mtime_ns == written


@pytest.mark.parametrize("mine", [b"my", b"other vide"], ids=["size", "bytes"])
def test_existing_file_with_same_content_is_kept_and_other_content_raises(
    archive, unpack_all, tmp_path, mine
):
    path, place = archive(pack("tar", LSVQ)), tmp_path / "source" / "yfcc-batch1" / "747.mp4"
    place.parent.mkdir(parents=True)
    place.write_bytes(LSVQ["yfcc-batch1/747.mp4"])
    assert unpack_all(path) == LSVQ
    place.write_bytes(mine)
    with pytest.raises(ConflictError, match=r"yfcc-batch1/747\.mp4"):
        unpack_all(path)
    assert place.read_bytes() == mine


@pytest.mark.parametrize("name", ["labels.csv", "yfcc-batch1"])
def test_existing_link_or_pipe_is_not_replaced(archive, unpack_all, tmp_path, name):
    place = tmp_path / "source" / name
    place.parent.mkdir()
    os.mkfifo(place) if name == "labels.csv" else place.symlink_to(name)
    kind = stat.S_IFMT(place.lstat().st_mode)
    with pytest.raises(ConflictError, match=name):
        unpack_all(archive(pack("zip", LSVQ)))
    assert stat.S_IFMT(place.lstat().st_mode) == kind


def test_private_files_are_skipped_and_their_archive_removed(archive, unpack_all, caplog):
    files = {
        "KoNViD_1k_mos.csv": b"flickr_id,mos\n",
        "KoNViD_1k_subjective.csv": b"10.0.0.1",
        "copies/konvid_1k_SUBJECTIVE.csv": b"10.0.0.1",
    }
    path = archive(pack("zip", files))
    unpacked = unpack_all(path, is_private=lambda member: "subj" in member.name.lower())
    assert list(unpacked) == ["KoNViD_1k_mos.csv"]
    assert "KoNViD_1k_subjective.csv" in caplog.text
    assert list(path.parent.iterdir()) == []


CRC = zlib.crc32(LSVQ["yfcc-batch1/747.mp4"]).to_bytes(4, "little")
TAR, ZIP, GZIP = pack("tar", LSVQ), pack("zip", LSVQ), pack("tar.gz", LSVQ)
DAMAGED: dict[str, bytes] = {
    "zip without its end": ZIP[:-10],
    "zip with a wrong checksum": ZIP.replace(CRC, bytes(4)),
    "tar in a header": TAR[:1100],
    "tar with a damaged header": TAR[:1024] + b"x" * 5000,
    "two tars": TAR + TAR,
    "gzip with a wrong checksum": GZIP[:-8] + bytes(8),
    "bz2 without its end": pack("tar.bz2", LSVQ)[:-20],
    "empty": b"",
    "looks like gzip": b"\x1f\x8bno gzip at all",
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_archive_raises(damage, archive, unpack_all, tmp_path):
    path = archive(DAMAGED[damage])
    with pytest.raises(DamagedArchiveError) as caught:
        unpack_all(path)
    assert str(path) in str(caught.value)
    assert path.exists()
    for name, data in files_below(tmp_path / "source").items():
        assert data == LSVQ[name]


def test_archive_larger_than_disk_is_rejected_before_first_file(
    archive, unpack_all, tmp_path, monkeypatch
):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10_000))
    with pytest.raises(DiskFullError, match=r"20,000.* 10,000"):
        unpack_all(archive(pack("zip", {"a": noise(20_000)})))
    assert files_below(tmp_path / "source") == {}


VARIABLE = "HFR_PASSWORD"
PASSWORD = "s3cret pass"  # noqa: S105  opens the archive below and nothing else
# Made by Info-ZIP: `zip -X -P 's3cret pass' golden.zip videos/clip_crf_0_24fps.webm` (Zip 3.0).
BY_INFO_ZIP = base64.b64decode(
    "UEsDBAoACQAAAAAAOFPXt6MHHwAAABMAAAAcAAAAdmlkZW9zL2NsaXBfY3JmXzBfMjRmcHMud2VibYzzs6ESnDS+hBi6"
    "ibPbM2KVHadFmxB/NahNf4vtMqhQSwcI17ejBx8AAAATAAAAUEsBAh4DCgAJAAAAAAA4U9e3owcfAAAAEwAAABwAAAAA"
    "AAAAAQAAAKSBAAAAAHZpZGVvcy9jbGlwX2NyZl8wXzI0ZnBzLndlYm1QSwUGAAAAAAEAAQBKAAAAaQAAAAAA"
)
ENCRYPTED = {"videos/clip_crf_0_24fps.webm": b"a video, so to say\n"}


@pytest.fixture
def encrypted(archive: Callable) -> Callable[[str], Path]:
    """encrypted(kind) writes an archive encrypted with PASSWORD."""
    made = {"ZipCrypto": BY_INFO_ZIP, "AES": pack("zip", ENCRYPTED, PASSWORD)}
    return lambda kind: archive(made[kind])


@pytest.mark.parametrize("kind", ["ZipCrypto", "AES"])
def test_password_from_environment(kind, encrypted, unpack_all, monkeypatch):
    for wrong in ("", "wr0ng one"):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(DamagedArchiveError, match=r"\$HFR_PASSWORD") as caught:
            unpack_all(encrypted(kind), password_variable=VARIABLE)
        assert "wr0ng" not in str(caught.value)
    monkeypatch.setenv(VARIABLE, PASSWORD)
    assert unpack_all(encrypted(kind), password_variable=VARIABLE) == ENCRYPTED


def zip_of(*names: str, system: int = 3) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            info.create_system = system
            archive.writestr(info, b"" if name.endswith("\\") else b"1")
    return out.getvalue()


@pytest.mark.parametrize("system", [0, 3], ids=["FAT", "Unix"])
def test_backslashes_from_powershell_separate_folders(archive, unpack_all, system):
    content = zip_of("videos\\", "videos\\b1\\1.mp4", "2.mp4", system=system)
    assert sorted(unpack_all(archive(content))) == ["2.mp4", "videos/b1/1.mp4"]
