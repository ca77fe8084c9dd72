"""A set is brought as its card says, from servers on loopback to files in the source folder."""

import hashlib
from typing import Any

import pytest

from vqathinker.acquisition.errors import TransferError
from vqathinker.datasets.inventory import find_problems


def test_an_open_set_comes_from_its_mirror_and_its_manifest_is_whole(
    project: Any, video: bytes
) -> None:
    content = project.zip_of("1.mp4", "private.csv", "notes/a.txt", content=video)
    good = project.has("good/a.zip", content)
    dead = [project.site.url("/dead/a.zip")]
    project.write_card(
        project.archive("a.zip", urls=dead + good),
        videos=["1.mp4", "2.mp4"],
        never_keep=["private.csv", "notes"],
    )
    receipt = project.fetch()
    assert project.asked() == ["/labels.json", "/dead/a.zip", "/good/a.zip"]
    assert project.statuses() == {"1.mp4": "ok", "2.mp4": "missing"}
    assert [file["path"] for file in receipt["files"]] == ["labels.json", "videos/a/1.mp4"]
    assert receipt["made_by"] == "vqathinker.datasets.fetching"
    assert receipt["downloads"][1] == {
        "name": "a.zip",
        "origin": good[0],
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "revision": None,
    }
    assert not any(project.downloads.iterdir())
    table = (project.folder / "data-hashes.csv").read_text(encoding="utf-8")
    assert f"small/a.zip,{len(content)},{receipt['downloads'][1]['sha256']}," in table


def test_a_second_fetch_asks_nobody_even_without_its_receipt(project: Any, video: bytes) -> None:
    """Snakemake removes the receipt before it runs the rule again."""
    urls = project.has("a.zip", project.zip_of("1.mp4", content=video))
    project.write_card(project.archive("a.zip", urls=urls), videos=["1.mp4"])
    first = project.fetch()
    project.asked()
    (project.home / "source.json").unlink()
    assert project.fetch(attempts=5) == first
    assert project.asked() == []
    [manifest] = find_problems(project.card, project.folder / "data", None)
    assert "manifest.parquet" in manifest
    (project.source / "videos" / "a" / "1.mp4").unlink()
    [gone, _] = find_problems(project.card, project.folder / "data", None)
    assert "videos/a/1.mp4" in gone
    project.fetch(keep_archives=True)
    assert project.asked() == ["/a.zip"]
    assert project.statuses() == {"1.mp4": "ok"}
    assert [path.name for path in project.downloads.iterdir()] == ["a.zip"]


def test_a_download_that_is_no_archive_is_a_video_where_the_card_leaves_it_open(
    project: Any, video: bytes
) -> None:
    files = [
        project.archive("a", unpack="auto", urls=project.has("a", video)),
        project.archive(
            "b", unpack="auto", urls=project.has("b", project.zip_of("2.mp4", content=video))
        ),
    ]
    project.write_card(*files, videos=["a", "2.mp4"])
    receipt = project.fetch()
    assert project.statuses() == {"a": "ok", "2.mp4": "ok"}
    assert [file["path"] for file in receipt["files"][1:]] == ["videos/2.mp4", "videos/a"]
    assert not any(project.downloads.iterdir())
    project.asked()
    assert project.fetch() == receipt
    assert project.asked() == []


def test_a_killed_fetch_goes_on_and_brings_nothing_twice(project: Any, video: bytes) -> None:
    first = project.has("a.zip", project.zip_of("1.mp4", content=video))
    content = project.zip_of("2.mp4", content=video)
    drops = [project.site.whole(until=600), project.site.status(503)]
    second = project.has("b.zip", content, first=drops)
    project.write_card(
        project.archive("a.zip", urls=first),
        project.archive("b.zip", urls=second),
        videos=["1.mp4", "2.mp4"],
    )
    with pytest.raises(TransferError, match="600 bytes"):
        project.fetch()
    assert not (project.home / "source.json").exists()
    project.asked()
    project.site.sent = 0
    project.fetch()
    assert project.asked() == ["/b.zip"]
    assert project.site.sent == len(content) - 600
    assert project.statuses() == {"1.mp4": "ok", "2.mp4": "ok"}


def test_videos_of_which_one_has_vanished_are_listed_and_missing(
    project: Any, video: bytes
) -> None:
    for name in ("b/1 x.mp4", "3.mp4"):
        project.has(name.replace(" ", "%20"), video)
    project.has("2.mp4", b"", always=project.site.status(410))
    url = project.site.url("/{video}")
    project.write_card(
        {"name": "{video}", "per_video": True, "may_vanish": True, "urls": [url],
         "into": "videos"},
        videos=["b/1 x.mp4", "2.mp4", "3.mp4"],
    )  # fmt: skip
    receipt = project.fetch()
    assert receipt["gone"] == ["2.mp4"]
    assert project.statuses() == {"b/1 x.mp4": "ok", "2.mp4": "missing", "3.mp4": "ok"}
    project.asked()
    assert project.fetch() == receipt
    assert project.asked() == ["/2.mp4"]
