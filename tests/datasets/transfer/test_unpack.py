"""Unpacking: every file where it belongs, nothing overwritten, from where a killed run was."""

import base64
import io
import logging
import os
import signal
import stat
import subprocess
import sys
import tarfile
import textwrap
import time
import traceback
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import numpy as np
import pytest
import pyzipper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqathinker.datasets.transfer.failure import DiskFullError
from vqathinker.datasets.transfer.members import DamagedArchiveError, Limits
from vqathinker.datasets.transfer.placing import ConflictError
from vqathinker.datasets.transfer.unpack import unpack

Files = dict[str, bytes]
AMPLE = Limits(files=1000, bytes=100_000_000, ratio=1000.0)
VARIABLE = "HFR_PASSWORD"
PASSWORD = "s3cret pass"  # noqa: S105  opens the archive below and nothing else

# LSVQ has equal names in different folders; a folder of its own is empty here.
LSVQ = {
    "yfcc-batch1/747.mp4": b"one video",
    "yfcc-batch2/747.mp4": b"another video",
    "ia-batch1/sub/747.mp4": b"a third",
    "labels.csv": b"name,mos\n",
    "empty.mp4": b"",
}

# Made by Info-ZIP: `zip -X -P 's3cret pass' golden.zip videos/clip_crf_0_24fps.webm` (Zip 3.0).
BY_INFO_ZIP = base64.b64decode(
    "UEsDBAoACQAAAAAAOFPXt6MHHwAAABMAAAAcAAAAdmlkZW9zL2NsaXBfY3JmXzBfMjRmcHMud2VibYzzs6ESnDS+hBi6"
    "ibPbM2KVHadFmxB/NahNf4vtMqhQSwcI17ejBx8AAAATAAAAUEsBAh4DCgAJAAAAAAA4U9e3owcfAAAAEwAAABwAAAAA"
    "AAAAAQAAAKSBAAAAAHZpZGVvcy9jbGlwX2NyZl8wXzI0ZnBzLndlYm1QSwUGAAAAAAEAAQBKAAAAaQAAAAAA"
)


def zip_of(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tar_of(files: Files, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def aes_zip_of(files: Files, password: str) -> bytes:
    out = io.BytesIO()
    with pyzipper.AESZipFile(out, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password.encode())
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


FORMATS: dict[str, Callable[[Files], bytes]] = {
    "zip": zip_of,
    "tar": tar_of,
    "tar.gz": lambda files: tar_of(files, "w:gz"),
    "tar.bz2": lambda files: tar_of(files, "w:bz2"),
    "tar.xz": lambda files: tar_of(files, "w:xz"),
}


def files_below(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], Path]:
    """archive(content) is a file in a folder of its own; its name says nothing of its kind."""

    def write(content: bytes) -> Path:
        (tmp_path / "download").mkdir(exist_ok=True)
        path = tmp_path / "download" / "archive"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("kind", FORMATS)
def test_every_file_gets_its_place(kind: str, archive: Callable, tmp_path: Path) -> None:
    path = archive(FORMATS[kind](LSVQ))
    done = unpack(path, tmp_path / "source", limits=AMPLE)
    assert files_below(tmp_path / "source") == LSVQ
    assert {str(written) for written in done.written} == set(LSVQ)
    assert done.present == done.private == done.alike == []
    assert [entry.name for entry in path.parent.iterdir()] == ["archive"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    files=st.dictionaries(
        st.text("abAB.-_ é😀", min_size=1, max_size=12).filter(lambda name: name.strip(". ")),
        st.binary(max_size=200),
        max_size=6,
    ),
    kind=st.sampled_from(["zip", "tar", "tar.gz"]),
    cut=st.integers(0, 2),
)
def test_what_was_packed_is_unpacked_whole_or_in_parts(
    files: Files, kind: str, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    content = FORMATS[kind]({f"folder/{name}": data for name, data in files.items()})
    borders = [len(content) * number // (cut + 1) for number in range(cut + 2)]
    parts = []
    for number, (start, end) in enumerate(pairwise(borders)):
        parts.append(folder / f"archive_parta{number}")
        parts[-1].write_bytes(content[start:end])
    unpack(parts, folder / "source", limits=AMPLE)
    expected = {f"folder/{name}": data for name, data in files.items()}
    assert files_below(folder / "source") == expected


def test_parts_are_read_as_one_and_never_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zip_of({"clip.webm": np.random.default_rng(0).bytes(300_000)})
    names = ["Flips_partsaa", "Flips_partsab", "Flips_partsac"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(content[number * 100_000 : (number + 1) * 100_000])
    with (tmp_path / names[-1]).open("ab") as last:
        last.write(content[300_000:])
    parts = sorted(tmp_path.glob("Flips_parts*"))
    unpack(parts, tmp_path / "source", limits=AMPLE, keep_archive=False)
    assert (tmp_path / "source" / "clip.webm").stat().st_size == 300_000
    assert [entry.name for entry in tmp_path.iterdir()] == ["source"]


def test_the_archive_goes_only_when_all_is_unpacked(archive: Callable, tmp_path: Path) -> None:
    path = archive(zip_of(LSVQ)[:-30])
    with pytest.raises(DamagedArchiveError):
        unpack(path, tmp_path / "source", limits=AMPLE, keep_archive=False)
    assert path.exists()
    path.write_bytes(zip_of(LSVQ))
    unpack(path, tmp_path / "source", limits=AMPLE, keep_archive=False)
    assert not path.exists()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_killed_unpacking_goes_on_where_it_was(
    kind: str, archive: Callable, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    files = {f"folder{number % 3}/{number}.mp4": rng.bytes(50_000) for number in range(120)}
    path, target = archive(FORMATS[kind](files)), tmp_path / "source"
    code = f"""
        import time
        from pathlib import Path
        from vqathinker.datasets.transfer import placing
        from vqathinker.datasets.transfer.members import Limits
        from vqathinker.datasets.transfer.unpack import unpack
        content = placing._content
        def slowly(member):
            for chunk in content(member):
                time.sleep(0.002)
                yield chunk[:30_000]
                time.sleep(0.002)
                yield chunk[30_000:]
        placing._content = slowly
        unpack(Path({str(path)!r}), Path({str(target)!r}), limits=Limits(1000, 100_000_000, 1000.0))
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    until = time.monotonic() + 30
    while len(files_below(target)) < 20:
        assert child.poll() is None
        assert time.monotonic() < until, "the child unpacked nothing"
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    half = {str(file): file.stat().st_mtime_ns for file in target.rglob("*.mp4")}
    for file in target.rglob("*.mp4"):
        assert file.read_bytes() == files[file.relative_to(target).as_posix()]

    done = unpack(path, target, limits=AMPLE)
    assert files_below(target) == files
    assert len(done.present) == len(half)
    assert len(done.written) == len(files) - len(half)
    for file, written in half.items():
        assert Path(file).stat().st_mtime_ns == written
    assert [entry.name for entry in path.parent.iterdir()] == ["archive"]


def test_what_the_journal_knows_is_not_even_read(archive: Callable, tmp_path: Path) -> None:
    files = {"1.mp4": b"good", "2.mp4": b"bad!"}
    content = zip_of(files)
    whole = archive(content)
    damaged = bytearray(content)
    damaged[content.rindex(b"2.mp4", 0, content.index(b"PK\x01\x02")) + 5 + 2] ^= 0xFF
    whole.write_bytes(damaged)
    with pytest.raises(DamagedArchiveError, match=r"2\.mp4 cannot be read to its end"):
        unpack(whole, tmp_path / "source", limits=AMPLE)
    assert files_below(tmp_path / "source") == {"1.mp4": b"good"}

    # The first file is damaged now: only who trusts the journal gets over it.
    position = content.index(b"1.mp4") + 5 + 2
    twisted = bytearray(content)
    twisted[position] ^= 0xFF
    whole.write_bytes(twisted)
    done = unpack(whole, tmp_path / "source", limits=AMPLE)
    assert [str(path) for path in done.present] == ["1.mp4"]
    assert files_below(tmp_path / "source") == files


def test_a_file_that_changed_since_is_compared_again(archive: Callable, tmp_path: Path) -> None:
    path, target = archive(zip_of({"1.mp4": b"good"})), tmp_path / "source"
    target.mkdir()
    journal = path.with_name("archive.unpacked")
    journal.write_text("4\t12345\t1.mp4\n\n4\t1234")  # as a killed process leaves it
    (target / "1.mp4").write_bytes(b"mine")
    with pytest.raises(ConflictError, match=r"1\.mp4 is there with another content"):
        unpack(path, target, limits=AMPLE)
    assert (target / "1.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_content_is_fine_another_is_an_error(
    kind: str, archive: Callable, tmp_path: Path
) -> None:
    path, target = archive(FORMATS[kind](LSVQ)), tmp_path / "source"
    unpack(path, target, limits=AMPLE)
    before = {file: file.stat().st_mtime_ns for file in target.rglob("*")}
    done = unpack(path, target, limits=AMPLE)
    assert done.written == []
    assert {str(present) for present in done.present} == set(LSVQ)
    assert {file: file.stat().st_mtime_ns for file in target.rglob("*")} == before

    (target / "labels.csv").write_bytes(b"name,MOS\n")
    with pytest.raises(ConflictError) as caught:
        unpack(path, target, limits=AMPLE)
    assert f"{target}/labels.csv is there with another content" in str(caught.value)
    assert str(path) in str(caught.value)
    assert (target / "labels.csv").read_bytes() == b"name,MOS\n"


def test_an_archive_that_has_a_file_twice_must_mean_the_same(
    archive: Callable, tmp_path: Path
) -> None:
    def twice(second: bytes) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for content in (b"one", second):
                info = tarfile.TarInfo("1.mp4")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return out.getvalue()

    done = unpack(archive(twice(b"one")), tmp_path / "same", limits=AMPLE)
    assert [str(path) for path in done.written] == ["1.mp4"]
    for _ in range(2):  # resumed too
        with pytest.raises(ConflictError):
            unpack(archive(twice(b"two")), tmp_path / "other", limits=AMPLE)
        assert files_below(tmp_path / "other") == {"1.mp4": b"one"}


def test_a_file_where_a_folder_belongs_is_left(archive: Callable, tmp_path: Path) -> None:
    target = tmp_path / "source"
    target.mkdir()
    (target / "yfcc-batch1").write_bytes(b"mine")
    with pytest.raises(ConflictError, match="yfcc-batch1 is no folder"):
        unpack(archive(zip_of(LSVQ)), target, limits=AMPLE)
    assert (target / "yfcc-batch1").read_bytes() == b"mine"


def test_a_folder_where_a_file_belongs_is_left(archive: Callable, tmp_path: Path) -> None:
    (tmp_path / "source" / "labels.csv").mkdir(parents=True)
    with pytest.raises(ConflictError, match=r"labels\.csv is there"):
        unpack(archive(zip_of(LSVQ)), tmp_path / "source", limits=AMPLE)


def test_private_files_are_not_kept_and_neither_is_their_archive(
    archive: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {
        "KoNViD_1k_mos.csv": b"flickr_id,mos\n",
        "metadata/KoNViD_1k_subjective.csv": b"worker,ip\n1,10.0.0.1\n",
        "metadata/konvid_1k_SUBJECTIVE.CSV": b"worker,ip\n",
    }
    path = archive(zip_of(files))
    done = unpack(path, tmp_path / "source", limits=AMPLE, private=["KoNViD_1k_subjective.csv"])
    assert files_below(tmp_path / "source") == {"KoNViD_1k_mos.csv": b"flickr_id,mos\n"}
    assert len(done.private) == 2
    assert "KoNViD_1k_subjective.csv holds private data and is not kept" in caplog.text
    assert list(path.parent.iterdir()) == []


def test_names_that_differ_only_in_case_are_both_kept_and_reported(
    archive: Callable, tmp_path: Path
) -> None:
    done = unpack(
        archive(zip_of({"a/Clip.mp4": b"1", "A/clip.MP4": b"2"})), tmp_path / "s", limits=AMPLE
    )
    assert files_below(tmp_path / "s") == {"a/Clip.mp4": b"1", "A/clip.MP4": b"2"}
    assert done.alike == [(PurePosixPath("a/Clip.mp4"), PurePosixPath("A/clip.MP4"))]


def test_the_password_comes_from_the_environment(
    archive: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    name = "videos/clip_crf_0_24fps.webm"
    content = {name: b"a video, so to say\n"}
    unpack(archive(BY_INFO_ZIP), tmp_path / "old", limits=AMPLE, password_variable=VARIABLE)
    assert files_below(tmp_path / "old") == content
    path = archive(aes_zip_of(content, PASSWORD))
    unpack(path, tmp_path / "aes", limits=AMPLE, password_variable=VARIABLE)
    assert files_below(tmp_path / "aes") == content


@pytest.mark.parametrize("content", [BY_INFO_ZIP, aes_zip_of({"a": b"1"}, PASSWORD)])
def test_without_a_password_the_variable_to_set_is_named(
    content: bytes, archive: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DamagedArchiveError, match=r"is encrypted: .* into \$HFR_PASSWORD"):
        unpack(archive(content), tmp_path / "s", limits=AMPLE, password_variable=VARIABLE)
    with pytest.raises(DamagedArchiveError, match="into the variable of its card"):
        unpack(archive(content), tmp_path / "s", limits=AMPLE)
    assert files_below(tmp_path / "s") == {}


@pytest.mark.parametrize(
    "content", [BY_INFO_ZIP, aes_zip_of({"a": b"1"}, PASSWORD)], ids=["ZipCrypto", "AES"]
)
def test_a_wrong_password_is_said_and_shown_nowhere(
    content: bytes,
    archive: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(VARIABLE, "wr0ng one")
    with pytest.raises(DamagedArchiveError, match="password") as caught:
        unpack(archive(content), tmp_path / "s", limits=AMPLE, password_variable=VARIABLE)
    assert "$HFR_PASSWORD" in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert "wr0ng" not in "".join(shown.format())
        error = error.__context__
    assert "wr0ng" not in caplog.text
    assert files_below(tmp_path / "s") == {}


def cut_between_members(tar: bytes) -> bytes:
    """The first member and its header of a tar of small files, and no more."""
    return tar[:1024]


@pytest.mark.parametrize(
    "content",
    [
        zip_of(LSVQ)[:-10],
        tar_of(LSVQ)[:700],
        tar_of(LSVQ)[:1100],
        cut_between_members(tar_of(LSVQ)),
        tar_of(LSVQ, "w:gz")[:-6],
        tar_of(LSVQ, "w:gz")[:100],
        tar_of(LSVQ, "w:xz")[:-20],
        tar_of(LSVQ, "w:bz2")[:-20],
        b"",
        b"PK",
        b"<html>Please log in</html>",
        b"\x1f\x8bno gzip at all",
    ],
    ids=[
        "zip without its end",
        "tar in a file",
        "tar in a header",
        "tar between files",
        "gzip without its checksum",
        "gzip in the middle",
        "xz without its end",
        "bz2 without its end",
        "empty",
        "two letters",
        "web page",
        "looks like gzip",
    ],
)
def test_an_archive_that_is_not_whole_never_passes(
    content: bytes, archive: Callable, tmp_path: Path
) -> None:
    path = archive(content)
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


def test_a_changed_byte_of_an_encrypted_file_is_found(
    archive: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    content = bytearray(aes_zip_of({"clip.mp4": bytes(3_000_000)}, PASSWORD))
    content[1_000_000] ^= 1
    with pytest.raises(DamagedArchiveError, match=r"clip\.mp4 cannot be read to its end"):
        unpack(
            archive(bytes(content)), tmp_path / "source", limits=AMPLE, password_variable=VARIABLE
        )
    assert list((tmp_path / "source").iterdir()) == []


def test_a_packing_that_python_does_not_know_names_the_way_out(
    archive: Callable, tmp_path: Path
) -> None:
    content = bytearray(zip_of({"clip.mp4": bytes(1000)}))
    content[content.index(b"PK\x01\x02") + 10] = 9  # Deflate64, as Windows writes large files
    content[8] = 9
    with pytest.raises(DamagedArchiveError, match="unpack the archive with another program"):
        unpack(archive(bytes(content)), tmp_path / "source", limits=AMPLE)


def test_permissions_of_the_archive_are_not_taken_over(archive: Callable, tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("run.sh")
        info.mode = 0o6777
        tar.addfile(info, io.BytesIO())
    unpack(archive(out.getvalue()), tmp_path / "source", limits=AMPLE)
    mode = stat.S_IMODE((tmp_path / "source" / "run.sh").stat().st_mode)
    assert mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR) == 0
    assert os.access(tmp_path / "source" / "run.sh", os.R_OK | os.W_OK)


def test_an_archive_larger_than_the_disk_is_refused_before_the_first_file(
    archive: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=10_000))
    with pytest.raises(DiskFullError, match="20,000 more bytes needed, 10,000 free"):
        unpack(archive(zip_of({"a": bytes(20_000)})), tmp_path / "source", limits=AMPLE)
    assert files_below(tmp_path / "source") == {}


def test_a_disk_that_fills_up_keeps_whole_files_and_goes_on_later(
    archive: Callable, tmp_path: Path
) -> None:
    """A limit of the process stands for the disk: the kernel refuses the write."""
    files = {"1.mp4": bytes(10_000), "2.mp4": bytes(90_000)}
    path, target = archive(tar_of(files)), tmp_path / "source"
    code = """
        import resource, sys
        from pathlib import Path
        from vqathinker.datasets.transfer.failure import DiskFullError
        from vqathinker.datasets.transfer.members import Limits
        from vqathinker.datasets.transfer.unpack import unpack
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            unpack(Path(sys.argv[1]), Path(sys.argv[2]), limits=Limits(9, 1_000_000, 1000.0))
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
