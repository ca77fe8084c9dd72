"""Files of a card: exactly one origin, a folder of its own for each archive, nothing half said."""

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
def test_an_archive_is_unpacked_into_a_folder_of_its_own(name: str, folder: str) -> None:
    assert archive(name=name).folder() == folder


def test_other_files_lie_in_the_source_folder_or_where_the_card_says() -> None:
    assert remote(name="labels.csv").folder() == "."
    assert archive(into="videos").folder() == "videos"


def test_what_a_person_drops_goes_by_its_own_name() -> None:
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
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        remote(**changes)


def test_sizes_are_exact_or_rough_or_the_sum_of_parts_or_not_known() -> None:
    parts = [{"name": f"a{i}", "urls": [URL], "bytes": 4} for i in range(3)]
    assert remote(bytes=5, about_bytes=6).known_bytes == 5
    assert remote(about_bytes=6).known_bytes == 6
    assert archive(urls=[], parts=parts).known_bytes == 12
    assert archive(urls=[], parts=[parts[0] | {"bytes": None}]).known_bytes is None
    assert remote().known_bytes is None
