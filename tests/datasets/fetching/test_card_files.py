"""Fetch sets from local servers as their cards describe."""

import hashlib
from typing import Any

from vqathinker.datasets.inventory import find_problems


def test_open_set_from_second_address(project: Any, video: bytes) -> None:
    content = project.zip_of("1.mp4", "private.csv", "notes/a.txt", content=video)
    good = project.has("good/a.zip", content)
    dead = [project.site.url("/dead/a.zip")]
    project.write_card(
        project.archive("a.zip", urls=dead + good),
        videos=["1.mp4", "2.mp4"],
        never_keep=["private.csv", "notes"],
    )
    receipt = project.fetch()
    assert project.requested() == ["/labels.json", "/dead/a.zip", "/good/a.zip"]
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


def test_second_fetch_downloads_nothing_without_receipt(project: Any, video: bytes) -> None:
    """Snakemake removes the receipt before it reruns the rule."""
    urls = project.has("a.zip", project.zip_of("1.mp4", content=video))
    project.write_card(project.archive("a.zip", urls=urls), videos=["1.mp4"])
    first = project.fetch()
    project.requested()
    (project.home / "source.json").unlink()
    assert project.fetch(attempts=5) == first
    assert project.requested() == []
    [manifest] = find_problems(project.card, project.folder / "data", None)
    assert "manifest.parquet" in manifest
    (project.source / "videos" / "a" / "1.mp4").unlink()
    [gone, _] = find_problems(project.card, project.folder / "data", None)
    assert "videos/a/1.mp4" in gone
    project.fetch(keep_archives=True)
    assert project.requested() == ["/a.zip"]
    assert project.statuses() == {"1.mp4": "ok"}
    assert [path.name for path in project.downloads.iterdir()] == ["a.zip"]


def test_auto_unpack_accepts_archive_or_video(project: Any, video: bytes) -> None:
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
    project.requested()
    assert project.fetch() == receipt
    assert project.requested() == []


def test_vanished_video_is_listed_and_missing(project: Any, video: bytes) -> None:
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
    project.requested()
    assert project.fetch() == receipt
    assert project.requested() == ["/2.mp4"]
