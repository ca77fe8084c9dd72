"""Files of a card: exactly one origin, consistent keys, separate folders for archives."""

from typing import Any

import pytest
from pydantic import ValidationError

from vqathinker.datasets.remote_file import RemoteFile

URL = "https://example.org/a.zip"
LIMITS = {"files": 10, "bytes": 1000}


def remote(**changes: Any) -> RemoteFile:
    return RemoteFile.model_validate({"name": "a.zip", "urls": [URL]} | changes)


def archive(**changes: Any) -> RemoteFile:
    return remote(unpack="zip", limits=LIMITS, **changes)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("yfcc-batch1.tar.gz", "videos/yfcc-batch1"),
        ("v1.2.zip", "videos/v1.2"),
        ("KoNViD_1k_videos.zip", "videos/KoNViD_1k_videos"),
    ],
)
def test_archive_is_unpacked_into_folder_with_its_name(name: str, folder: str) -> None:
    assert archive(name=name).folder() == folder


def test_default_and_explicit_folder() -> None:
    assert remote(name="labels.csv").folder() == "."
    assert archive(into="videos").folder() == "videos"


def test_folder_of_manual_file_follows_its_actual_name() -> None:
    manual = {"page": "https://example.org", "drop": "*"}
    file = remote(name="the archives", urls=[], manual=manual, unpack="auto", limits=LIMITS)
    assert file.folder("HEVC.zip") == "videos/HEVC"
    assert file.folder("B001.mp4") == "videos"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"urls": []}, "none"),
        ({"drive_id": "abc"}, "urls and drive_id"),
        ({"unpack": "zip"}, "limits"),
        ({"limits": LIMITS}, "limits"),
        ({"urls": [], "parts": [{"name": "aa", "urls": [URL]}]}, "parts"),
        ({"per_video": True}, "per_video"),
        ({"name": "{video}"}, "per_video"),
        ({"name": "a/b"}, "name"),
        ({"urls": ["ftp://example.org/a"]}, "urls"),
        ({"sha256": "abc"}, "sha256"),
        ({"password_env": "secret!"}, "password_env"),
        ({"size": 3}, "size"),
        ({"into": "../x"}, "into"),
        ({"into": "a/../../x"}, "into"),
        ({"urls": [], "hub": {"repo": "owner/name", "revision": "main"}}, "hub.revision"),
    ],
)
def test_inconsistent_entries_are_rejected(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        remote(**changes)
