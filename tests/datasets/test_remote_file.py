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


def test_other_files_lie_in_the_source_folder() -> None:
    assert remote(name="labels.csv").folder() == "."


def test_what_a_person_drops_goes_by_its_own_name() -> None:
    manual = {"page": "https://example.org", "drop": "*"}
    file = remote(name="the archives", urls=[], manual=manual, unpack="auto", limits=LIMITS)
    assert file.folder("HEVC.zip") == "videos/HEVC"
    assert file.folder("B001.mp4") == "videos"


def test_a_card_may_name_the_folder() -> None:
    assert archive(into="videos").folder() == "videos"


@pytest.mark.parametrize("into", ["../x", "/x", "a/../../x", "a\\b"])
def test_no_folder_leads_out_of_the_source(into: str) -> None:
    with pytest.raises(ValidationError, match="leaves the source folder"):
        archive(into=into)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"urls": []}, "comes from none, expected one of urls"),
        ({"drive_id": "abc"}, "comes from urls and drive_id"),
        ({"unpack": "zip"}, "limits are needed to unpack"),
        ({"urls": [], "parts": [{"name": "aa", "urls": [URL]}]}, "parts are joined by unpacking"),
        ({"limits": LIMITS}, "limits are needed to unpack, and only then"),
        ({"per_video": True}, r"per_video needs a name with \{video\}"),
        ({"name": "{video}"}, "and only then"),
        ({"name": "a/b"}, "should match pattern"),
        ({"urls": ["ftp://example.org/a"]}, "should match pattern"),
        ({"sha256": "abc"}, "should match pattern"),
        ({"password_env": "secret!"}, "should match pattern"),
        ({"size": 3}, "Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        remote(**changes)


def test_a_hub_revision_is_a_commit_or_not_known() -> None:
    hub = {"repo": "owner/name", "revision": None}
    assert remote(urls=[], hub=hub).hub is not None
    with pytest.raises(ValidationError, match="should match pattern"):
        remote(urls=[], hub=hub | {"revision": "main"})


def test_sizes_are_exact_or_rough_or_the_sum_of_parts_or_not_known() -> None:
    parts = [{"name": f"a{i}", "urls": [URL], "bytes": 4} for i in range(3)]
    assert remote(bytes=5, about_bytes=6).known_bytes == 5
    assert remote(about_bytes=6).known_bytes == 6
    assert archive(urls=[], parts=parts).known_bytes == 12
    assert archive(urls=[], parts=[parts[0] | {"bytes": None}]).known_bytes is None
    assert remote().known_bytes is None


def test_a_file_for_every_video_is_named_after_each() -> None:
    many = remote(name="{video}", urls=[f"{URL}/{{video}}"], per_video=True, may_vanish=True)
    one = many.for_video("Vlog_720P-1.mp4")
    assert (one.name, one.urls, one.per_video) == (
        "Vlog_720P-1.mp4",
        (f"{URL}/Vlog_720P-1.mp4",),
        False,
    )
    assert one.may_vanish
