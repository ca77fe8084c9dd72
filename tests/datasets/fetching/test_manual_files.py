"""Files that the user has to get and save."""

import hashlib
from typing import Any

import pytest

from vqathinker.acquisition.errors import TransferError
from vqathinker.datasets.fetching.manual_files import UserActionError

LIMITS = {"files": 10, "bytes": 10**7}


def manual(drop: str, **more: Any) -> dict[str, Any]:
    page = "https://example.org/form"
    asked = {"page": page, "drop": drop}
    return {"name": "the archives", "manual": asked, "unpack": "auto", "limits": LIMITS} | more


def test_manual_set_explains_what_to_save_and_resumes(project: Any, video: bytes) -> None:
    project.write_card(
        manual("*", password_env="A_PASSWORD"),  # noqa: S106  a name
        videos=["1.mp4", "2.mp4", "3.mp4"],
    )
    project.downloads.mkdir(parents=True)
    (project.downloads / "mine.zip.part").write_bytes(b"unfinished")
    with pytest.raises(UserActionError) as caught:
        project.fetch()
    message = str(caught.value)
    for word in ("https://example.org/form", f"{project.downloads}/*", "A_PASSWORD"):
        assert word in message
    assert (project.source / "labels.json").is_file()

    (project.downloads / "mine.zip").write_bytes(project.zip_of("1.mp4", content=video))
    (project.downloads / "2.mp4").write_bytes(video)
    receipt = project.fetch()
    assert project.statuses() == {"1.mp4": "ok", "2.mp4": "ok", "3.mp4": "missing"}
    origins = [file["origin"] for file in receipt["downloads"][1:]]
    assert origins == ["put in place by the user"] * 2
    assert (project.downloads / "mine.zip").is_file()  # files of the user are never removed

    (project.downloads / "more.zip").write_bytes(project.zip_of("3.mp4", content=video))
    (project.downloads / "mine.zip").unlink()
    project.fetch()
    assert set(project.statuses().values()) == {"ok"}


def test_user_may_unpack_archive_instead(project: Any, video: bytes) -> None:
    project.write_card(manual("*.zip"), videos=["1.mp4"])
    with pytest.raises(UserActionError, match="source/videos/"):
        project.fetch()
    (project.source / "videos").mkdir()
    (project.source / "videos" / "1.mp4").write_bytes(video)
    assert project.fetch()["made_by"] == "put in place by the user"


def test_unsupported_archive_is_reported(project: Any) -> None:
    project.write_card(manual("*"), videos=["1.mp4"])
    project.downloads.mkdir(parents=True)
    (project.downloads / "mine.rar").write_bytes(b"Rar!\x1a\x07\x01\x00 and more")
    with pytest.raises(TransferError, match=r"mine\.rar"):
        project.fetch()


def test_saved_file_of_open_set_is_used_and_verified(project: Any, video: bytes) -> None:
    content = project.zip_of("1.mp4", content=video)
    urls = [project.site.url("/nowhere.zip")]
    sha256 = hashlib.sha256(content).hexdigest()
    project.write_card(project.archive("a.zip", urls=urls, sha256=sha256), videos=["1.mp4"])
    project.downloads.mkdir(parents=True)
    (project.downloads / "a.zip").write_bytes(content[:-1])
    with pytest.raises(TransferError, match=r"downloads/a\.zip"):
        project.fetch()
    (project.downloads / "a.zip").write_bytes(content)
    project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}
    assert "/nowhere.zip" not in project.requested()


def test_user_videos_are_kept_and_only_labels_fetched(project: Any, video: bytes) -> None:
    project.write_card(project.archive("a.zip", urls=project.has("a.zip", b"")), videos=["1.mp4"])
    (project.source / "videos" / "mine").mkdir(parents=True)
    (project.source / "videos" / "mine" / "1.mp4").write_bytes(video)
    for _ in range(2):
        assert project.fetch()["made_by"] == "put in place by the user"
    assert project.requested() == ["/labels.json"]
    assert project.statuses() == {"1.mp4": "ok"}


def test_set_with_shared_videos_needs_their_owner_first(project: Any) -> None:
    project.write_card(videos=["1.mp4"], files_of="owner")
    with pytest.raises(UserActionError, match="vqathinker data fetch owner"):
        project.fetch()
    (project.folder / "data" / "owner" / "source" / "videos").mkdir(parents=True)
    assert [file["path"] for file in project.fetch()["files"]] == ["labels.json"]
