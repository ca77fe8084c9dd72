"""Web pages, pointers and error messages are never accepted as files of a set."""

import os
from typing import Any

import pytest

from vqathinker.acquisition.errors import TransferError
from vqathinker.datasets.fetching.journal import FetchJournal
from vqathinker.journal import open_journal
from vqathinker.phases.locks import LockedError

PAGE = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>\n"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 123456\n" % 1
PLACEHOLDERS = {
    "a web page": PAGE,
    "a Git LFS pointer": LFS,
    "text": b"Too many people have asked for this file today.\n",
}
KINDS = pytest.mark.parametrize(("kind", "content"), PLACEHOLDERS.items(), ids=PLACEHOLDERS)
LIMITS = {"files": 10, "bytes": 10**7}
AUTO = {"unpack": "auto", "limits": LIMITS}
MANUAL = AUTO | {"manual": {"page": "https://example.org/form", "drop": "*"}}


def require_rejection(project: Any, kind: str) -> str:
    """Require that fetching fails, names the content, and neither moves nor records anything."""
    for _ in range(2):
        with pytest.raises(TransferError) as caught:
            project.fetch()
        assert f"is {kind}" in str(caught.value)
        assert not (project.home / "source.json").exists()
        assert not (project.source / "videos").exists()
        assert "labels.json" in (project.folder / "data-hashes.csv").read_text().splitlines()[-1]
        journal = FetchJournal(project.source)
        assert not journal.has_started_videos
        assert [name for name in ("a", "1.mp4") if journal.find(name)] == []
    return str(caught.value)


def write_archive_card(project: Any, content: bytes, **more: Any) -> None:
    urls = project.has("a", content, headers={"Content-Type": "application/octet-stream"})
    project.write_card(project.archive("a", urls=urls, **more), videos=["1.mp4"])


@KINDS
def test_placeholder_download_is_rejected_and_later_replaced(
    project: Any, video: bytes, kind: str, content: bytes
) -> None:
    write_archive_card(project, content, **AUTO)
    assert project.site.url("/a") in require_rejection(project, kind)
    assert list(project.downloads.iterdir()) == []
    project.has("a", project.zip_of("1.mp4", content=video))
    project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}


@pytest.mark.parametrize("manual", [False, True])
def test_placeholder_saved_by_user_is_rejected_and_kept(
    project: Any, video: bytes, manual: bool
) -> None:
    name, right = ("1.mp4", video) if manual else ("a", project.zip_of("1.mp4", content=video))
    if manual:
        project.write_card({"name": "the videos"} | MANUAL, videos=["1.mp4"])
    else:
        write_archive_card(project, right, **AUTO)
    project.downloads.mkdir(parents=True)
    (project.downloads / name).write_bytes(LFS)
    assert f"{project.downloads}/{name}: " in require_rejection(project, "a Git LFS pointer")
    assert (project.downloads / name).read_bytes() == LFS
    (project.downloads / name).write_bytes(right)
    project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}


def test_placeholder_of_single_video_is_rejected(project: Any, video: bytes) -> None:
    project.has("1.mp4", PAGE)
    file = {"name": "{video}", "per_video": True, "urls": [project.site.url("/{video}")],
            "into": "videos", "may_vanish": True}  # fmt: skip
    project.write_card(file, videos=["1.mp4"])
    with pytest.raises(TransferError, match="is a web page"):
        project.fetch()
    assert list((project.source / "videos").iterdir()) == []
    assert not FetchJournal(project.source).has_started_videos
    project.has("1.mp4", video)
    project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}


def test_hash_of_damaged_archive_is_not_recorded(project: Any, video: bytes) -> None:
    """Its hash is not published, so the first readable archive is recorded."""
    content = project.zip_of("1.mp4", content=video)
    write_archive_card(project, content[:-100])
    with pytest.raises(TransferError, match="downloads/a"):
        project.fetch()
    assert "small/a," not in (project.folder / "data-hashes.csv").read_text()
    (project.downloads / "a").unlink()
    project.has("a", content)
    project.fetch()
    assert "small/a," in (project.folder / "data-hashes.csv").read_text()
    assert project.statuses() == {"1.mp4": "ok"}


def test_user_video_with_same_name_is_kept(project: Any, video: bytes) -> None:
    write_archive_card(project, video, **AUTO)
    project.fetch()
    (project.source / "videos" / "a").write_bytes(b"mine")
    with pytest.raises(TransferError, match="videos/a"):
        project.fetch()
    assert (project.source / "videos" / "a").read_bytes() == b"mine"


def test_saved_volumes_of_split_zip_are_one_archive(project: Any, video: bytes) -> None:
    project.write_card({"name": "the videos"} | MANUAL, videos=["1.mp4"])
    project.downloads.mkdir(parents=True)
    (project.downloads / "set.z01").write_bytes(b"PK\x07\x08 and more")
    with pytest.raises(TransferError, match=r"set\.z01"):
        project.fetch()
    (project.downloads / "set.zip").write_bytes(project.zip_of("1.mp4", content=video))
    project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}


def test_only_one_process_fetches_a_set(project: Any) -> None:
    project.write_card(videos=["1.mp4"])
    with (
        open_journal(project.source, {"set": "small"}),
        pytest.raises(LockedError, match=str(os.getpid())),
    ):
        project.fetch()
    assert project.requested() == []
