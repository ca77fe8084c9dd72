"""Unpacking: every file where it belongs, nothing overwritten, from where a killed run was."""

import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqathinker.acquisition.archives.journal import UnpackJournal
from vqathinker.acquisition.archives.member_writer import ConflictError
from vqathinker.acquisition.archives.members import ArchiveLimits, DamagedArchiveError
from vqathinker.acquisition.archives.unpack import unpack
from vqathinker.acquisition.transfer.errors import BusyError

KINDS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]
AMPLE = ArchiveLimits(files=1000, bytes=100_000_000, ratio=1000.0)


# LSVQ has equal names in different folders; a folder of its own is empty here.
LSVQ = {
    "yfcc-batch1/747.mp4": b"one video",
    "yfcc-batch2/747.mp4": b"another video",
    "ia-batch1/sub/747.mp4": b"a third",
    "labels.csv": b"name,mos\n",
    "empty.mp4": b"",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_gets_its_place(
    kind: str, archive: Callable, pack: Callable, files_below: Callable, tmp_path: Path
) -> None:
    path = archive(pack(kind, LSVQ))
    done = unpack(path, tmp_path / "source", limits=AMPLE)
    assert files_below(tmp_path / "source") == LSVQ
    assert {str(written) for written in done.written} == set(LSVQ)
    assert done.present == done.private == done.case_collisions == []
    assert [entry.name for entry in path.parent.iterdir()] == ["archive"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    files: dict[str, bytes],
    kind: str,
    cut: int,
    pack: Callable,
    files_below: Callable,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    content = pack(kind, {f"folder/{name}": data for name, data in files.items()})
    borders = [len(content) * number // (cut + 1) for number in range(cut + 2)]
    parts = []
    for number, (start, end) in enumerate(pairwise(borders)):
        parts.append(folder / f"archive_parta{number}")
        parts[-1].write_bytes(content[start:end])
    unpack(parts, folder / "source", limits=AMPLE)
    expected = {f"folder/{name}": data for name, data in files.items()}
    assert files_below(folder / "source") == expected


def test_parts_are_read_as_one_and_never_joined(
    pack: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = pack("zip", {"clip.webm": np.random.default_rng(0).bytes(300_000)})
    names = ["Flips_partsaa", "Flips_partsab", "Flips_partsac"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(content[number * 100_000 : (number + 1) * 100_000])
    with (tmp_path / names[-1]).open("ab") as last:
        last.write(content[300_000:])
    parts = sorted(tmp_path.glob("Flips_parts*"))
    unpack(parts, tmp_path / "source", limits=AMPLE, keep_archive=False)
    assert (tmp_path / "source" / "clip.webm").stat().st_size == 300_000
    assert [entry.name for entry in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_killed_unpacking_goes_on_where_it_was(
    kind: str, archive: Callable, pack: Callable, files_below: Callable, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    files = {f"folder{number % 3}/{number}.mp4": rng.bytes(50_000) for number in range(120)}
    path, target = archive(pack(kind, files)), tmp_path / "source"
    code = f"""
        import signal
        from itertools import count
        from pathlib import Path
        from vqathinker.acquisition.archives import member_writer
        from vqathinker.acquisition.archives.members import ArchiveLimits
        from vqathinker.acquisition.archives.unpack import unpack
        read_chunks, started = member_writer._read_chunks, count()
        def stop_in_the_21st(member):
            for chunk in read_chunks(member):
                if next(started) == 20:
                    yield chunk[:30_000]
                    print("in the middle", flush=True)
                    signal.pause()
                yield chunk
        member_writer._read_chunks = stop_in_the_21st
        limits = ArchiveLimits(1000, 100_000_000, 1000.0)
        unpack(Path({str(path)!r}), Path({str(target)!r}), limits=limits)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "in the middle\n"
        child.send_signal(signal.SIGKILL)
    half = {str(file): file.stat().st_mtime_ns for file in target.rglob("*.mp4")}
    assert len(half) == 20
    for file in target.rglob("*.mp4"):
        assert file.read_bytes() == files[file.relative_to(target).as_posix()]

    done = unpack(path, target, limits=AMPLE)
    assert files_below(target) == files
    assert len(done.present) == len(half)
    assert len(done.written) == len(files) - len(half)
    for file, written in half.items():
        assert Path(file).stat().st_mtime_ns == written
    assert [entry.name for entry in path.parent.iterdir()] == ["archive"]


def test_what_the_journal_knows_is_not_even_read(
    archive: Callable, pack: Callable, files_below: Callable, tmp_path: Path
) -> None:
    files = {"1.mp4": b"good", "2.mp4": b"bad!"}
    content = pack("zip", files)
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


def test_a_file_that_changed_since_is_compared_again(
    archive: Callable, pack: Callable, tmp_path: Path
) -> None:
    path, target = archive(pack("zip", {"1.mp4": b"good"})), tmp_path / "source"
    target.mkdir()
    journal = path.with_name("archive.unpacked")
    journal.write_text("4\t12345\t1.mp4\n\n4\t1234")  # as a killed process leaves it
    (target / "1.mp4").write_bytes(b"mine")
    with pytest.raises(ConflictError, match=r"1\.mp4 is there with another content"):
        unpack(path, target, limits=AMPLE)
    assert (target / "1.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_content_is_fine_another_is_an_error(
    kind: str, archive: Callable, pack: Callable, tmp_path: Path
) -> None:
    path, target = archive(pack(kind, LSVQ)), tmp_path / "source"
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
    archive: Callable, files_below: Callable, tmp_path: Path
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


def test_a_file_where_a_folder_belongs_is_left(
    archive: Callable, pack: Callable, tmp_path: Path
) -> None:
    target = tmp_path / "source"
    target.mkdir()
    (target / "yfcc-batch1").write_bytes(b"mine")
    with pytest.raises(ConflictError, match="yfcc-batch1 is no folder"):
        unpack(archive(pack("zip", LSVQ)), target, limits=AMPLE)
    assert (target / "yfcc-batch1").read_bytes() == b"mine"


def test_a_link_to_itself_where_a_folder_belongs_is_left(
    archive: Callable, pack: Callable, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "yfcc-batch1").symlink_to("yfcc-batch1")
    with pytest.raises(ConflictError, match="yfcc-batch1: a link on its way leads back to itself"):
        unpack(archive(pack("zip", LSVQ)), tmp_path / "source", limits=AMPLE)
    assert (tmp_path / "source" / "yfcc-batch1").is_symlink()


def test_a_folder_where_a_file_belongs_is_left(
    archive: Callable, pack: Callable, tmp_path: Path
) -> None:
    (tmp_path / "source" / "labels.csv").mkdir(parents=True)
    with pytest.raises(ConflictError, match=r"labels\.csv is there"):
        unpack(archive(pack("zip", LSVQ)), tmp_path / "source", limits=AMPLE)


def test_private_files_are_not_kept_and_neither_is_their_archive(
    archive: Callable,
    pack: Callable,
    files_below: Callable,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = {
        "KoNViD_1k_mos.csv": b"flickr_id,mos\n",
        "metadata/KoNViD_1k_subjective.csv": b"worker,ip\n1,10.0.0.1\n",
        "metadata/konvid_1k_SUBJECTIVE.CSV": b"worker,ip\n",
    }
    path = archive(pack("zip", files))
    done = unpack(path, tmp_path / "source", limits=AMPLE, private=["KoNViD_1k_subjective.csv"])
    assert files_below(tmp_path / "source") == {"KoNViD_1k_mos.csv": b"flickr_id,mos\n"}
    assert len(done.private) == 2
    assert "KoNViD_1k_subjective.csv holds private data and is not kept" in caplog.text
    assert list(path.parent.iterdir()) == []


def test_names_that_differ_only_in_case_are_both_kept_and_reported(
    archive: Callable, pack: Callable, files_below: Callable, tmp_path: Path
) -> None:
    done = unpack(
        archive(pack("zip", {"a/Clip.mp4": b"1", "A/clip.MP4": b"2"})), tmp_path / "s", limits=AMPLE
    )
    assert files_below(tmp_path / "s") == {"a/Clip.mp4": b"1", "A/clip.MP4": b"2"}
    assert done.case_collisions == [(PurePosixPath("a/Clip.mp4"), PurePosixPath("A/clip.MP4"))]


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


def test_two_processes_do_not_unpack_the_same_archive(
    archive: Callable, pack: Callable, files_below: Callable, tmp_path: Path
) -> None:
    """They would write to the same file on its way."""
    path = archive(pack("zip", LSVQ))
    with (
        UnpackJournal(path.with_name("archive.unpacked")),
        pytest.raises(BusyError, match="another process is unpacking this archive; wait for it"),
    ):
        unpack(path, tmp_path / "source", limits=AMPLE)
    assert files_below(tmp_path / "source") == {}
    unpack(path, tmp_path / "source", limits=AMPLE)
    assert files_below(tmp_path / "source") == LSVQ
