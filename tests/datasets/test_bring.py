"""A set is brought as its card says, from servers on loopback to files in the source folder."""

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pyzipper
from huggingface_hub import constants

from vqathinker.datasets.bring import PasswordMissingError
from vqathinker.datasets.card import Card
from vqathinker.datasets.dropped import NotDroppedError
from vqathinker.datasets.fetch import SetNotInPlaceError, fetch
from vqathinker.datasets.inspection import problems_of
from vqathinker.datasets.manifest import build_manifest
from vqathinker.datasets.transfer.failure import TransferError
from vqathinker.params import DataParams, DownloadParams

PASSWORD = "pass_5ecret01234"  # noqa: S105  opens nothing
COMMIT = "7cebd238a801a95d380303a0895e34e863c890bf"
LIMITS = {"files": 10, "bytes": 10**7}
SETTINGS = {
    "mirror": None, "keep_archives": False, "largest_ratio": 20, "attempts": 2,
    "first_wait_s": 0.01, "longest_wait_s": 0.01, "longest_retry_after_s": 1,
    "connect_s": 2, "read_s": 2, "slowest_bytes_per_s": 0,
}  # fmt: skip
PARAMS = {
    "train": "small", "in_domain": [], "out_of_distribution": [], "counts": {"small": 1},
    "demo": None,
}  # fmt: skip


def zip_of(*names: str, content: bytes, password: str | None = None) -> bytes:
    out = io.BytesIO()
    opened = pyzipper.AESZipFile if password else zipfile.ZipFile
    with opened(out, "w") as archive:
        if password:
            archive.setpassword(password.encode())
            archive.setencryption(pyzipper.WZ_AES)
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


def labels_of(*videos: str) -> bytes:
    rows = [{"image_id": video, "score": 50 + number} for number, video in enumerate(videos)]
    return json.dumps({"annotations": rows}).encode()


class Project:
    """A project folder with one card, `small`, and a server that has its files."""

    def __init__(self, folder: Path, site: Any) -> None:
        self.folder, self.site = folder, site
        self.home = folder / "data" / "small"
        self.source, self.downloads = self.home / "source", self.home / "downloads"
        self.card: Card

    def has(self, name: str, content: bytes, **more: Any) -> list[str]:
        return [self.site.has(f"/{name}", content, **more).url]

    def write_card(self, *files: dict[str, Any], videos: list[str], **changes: Any) -> None:
        labels = {"name": "labels.json", "urls": self.has("labels.json", labels_of(*videos))}
        content = {
            "name": "small", "title": "Small", "role": "in-domain", "licence": "none",
            "homepage": "https://example.org", "citation": "none", "expected": len(videos),
            "access": {"kind": "open", "say": "Ask nicely.", "page": "https://127.0.0.1/ask"},
            "labels": [{"file": "labels.json", "reader": "annotations", "scale": [0, 100],
                        "columns": {"video": "image_id", "mos": "score"}}],
            "files": [*files, labels],
        }  # fmt: skip
        self.card = Card.model_validate(content | changes)
        (self.folder / "cards").mkdir(exist_ok=True)
        text = self.card.model_dump_json()
        (self.folder / "cards" / "small.yaml").write_text(text, encoding="utf-8")

    def fetch(self, **settings: Any) -> dict[str, Any]:
        return fetch(
            "small",
            DataParams.model_validate(PARAMS | {"cards": str(self.folder / "cards")}),
            DownloadParams.model_validate(SETTINGS | settings),
            self.source,
            self.home / "source.json",
            self.folder / "data-hashes.csv",
        )

    def statuses(self) -> dict[str, str]:
        table = build_manifest(self.source, self.card)
        return dict(zip(table["video"], table["status"], strict=True))

    def asked(self) -> list[str]:
        """Paths asked for since the last call."""
        paths = [asked.path for asked in self.site.asked]
        self.site.asked.clear()
        return paths


@pytest.fixture
def project(tmp_path: Path, site: Any) -> Project:
    return Project(tmp_path, site)


def archive(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "unpack": "zip", "limits": LIMITS} | more


def test_an_open_set_comes_from_its_mirror_and_its_manifest_is_whole(
    project: Project, video: bytes
) -> None:
    content = zip_of("1.mp4", "private.csv", "notes/a.txt", content=video)
    good = project.has("good/a.zip", content)
    dead = [project.site.url("/dead/a.zip")]
    project.write_card(
        archive("a.zip", urls=dead + good),
        videos=["1.mp4", "2.mp4"],
        never_keep=["private.csv", "notes"],
    )
    receipt = project.fetch()
    assert project.asked() == ["/labels.json", "/dead/a.zip", "/good/a.zip"]
    assert project.statuses() == {"1.mp4": "ok", "2.mp4": "missing"}
    assert [file["path"] for file in receipt["files"]] == ["labels.json", "videos/a/1.mp4"]
    assert receipt["made_by"] == "vqathinker.datasets.bring"
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


def test_a_second_fetch_asks_nobody_even_without_its_receipt(
    project: Project, video: bytes
) -> None:
    """Snakemake removes the receipt before it runs the rule again."""
    urls = project.has("a.zip", zip_of("1.mp4", content=video))
    project.write_card(archive("a.zip", urls=urls), videos=["1.mp4"])
    first = project.fetch()
    project.asked()
    (project.home / "source.json").unlink()
    assert project.fetch(attempts=5) == first
    assert project.asked() == []
    [manifest] = problems_of(project.card, project.folder / "data", None)
    assert "manifest.parquet: not there" in manifest
    (project.source / "videos" / "a" / "1.mp4").unlink()
    [gone, _] = problems_of(project.card, project.folder / "data", None)
    assert "gone since it was brought" in gone
    project.fetch()
    assert project.asked() == ["/a.zip"]
    assert project.statuses() == {"1.mp4": "ok"}


def test_archives_stay_if_wanted(project: Project, video: bytes) -> None:
    urls = project.has("a.zip", zip_of("1.mp4", content=video))
    project.write_card(archive("a.zip", urls=urls), videos=["1.mp4"])
    project.fetch(keep_archives=True)
    assert [path.name for path in project.downloads.iterdir()] == ["a.zip"]


def test_a_killed_fetch_goes_on_and_brings_nothing_twice(project: Project, video: bytes) -> None:
    first = project.has("a.zip", zip_of("1.mp4", content=video))
    content = zip_of("2.mp4", content=video)
    drops = [project.site.whole(until=600), project.site.status(503)]
    second = project.has("b.zip", content, first=drops)
    project.write_card(
        archive("a.zip", urls=first), archive("b.zip", urls=second), videos=["1.mp4", "2.mp4"]
    )
    with pytest.raises(TransferError, match=r"it goes on from the 600 bytes that are here"):
        project.fetch()
    assert not (project.home / "source.json").exists()
    project.asked()
    project.site.sent = 0
    project.fetch()
    assert project.asked() == ["/b.zip"]
    assert project.site.sent == len(content) - 600
    assert project.statuses() == {"1.mp4": "ok", "2.mp4": "ok"}


def test_a_fetch_killed_before_unpacking_does_not_download_again(
    project: Project, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vqathinker.datasets import bring

    def killed(*args: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    urls = project.has("a.zip", zip_of("1.mp4", content=video))
    project.write_card(archive("a.zip", urls=urls), videos=["1.mp4"])
    with monkeypatch.context() as patch:
        patch.setattr(bring, "unpack", killed)
        with pytest.raises(KeyboardInterrupt):
            project.fetch()
    project.asked()
    receipt = project.fetch()
    assert project.asked() == []
    assert receipt["downloads"][1]["origin"] == urls[0]
    assert not any(project.downloads.iterdir())


def test_a_log_with_half_a_line_goes_on(project: Project, video: bytes) -> None:
    urls = project.has("a.zip", zip_of("1.mp4", content=video))
    project.write_card(archive("a.zip", urls=urls), videos=["1.mp4"])
    project.fetch()
    log = project.home / "brought.jsonl"
    lines = log.read_text(encoding="utf-8")
    log.write_text(lines[: len(lines) - 20], encoding="utf-8")
    for _ in range(2):
        assert project.fetch()["downloads"][1]["name"] == "a.zip"
    for line in log.read_text(encoding="utf-8").splitlines()[-1:]:
        assert json.loads(line)["arrival"]["files"] == {"videos/a/1.mp4": len(video)}


def test_videos_of_which_one_has_vanished_are_listed_and_missing(
    project: Project, video: bytes
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


def test_a_video_that_does_not_come_for_another_reason_stops_the_fetch(project: Project) -> None:
    project.has("1.mp4", b"", always=project.site.status(503))
    url = project.site.url("/{video}")
    project.write_card(
        {"name": "{video}", "per_video": True, "may_vanish": True, "urls": [url],
         "into": "videos"},
        videos=["1.mp4"],
    )  # fmt: skip
    with pytest.raises(TransferError, match="503"):
        project.fetch()


def test_parts_are_joined_by_unpacking_and_the_password_is_seen_nowhere(
    project: Project,
    video: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    content = zip_of("1.mp4", content=video, password=PASSWORD)
    parts = [
        {"name": f"a_parts{letter}", "urls": project.has(f"a_parts{letter}", piece)}
        for letter, piece in (("aa", content[:700]), ("ab", content[700:]))
    ]
    access = {"kind": "token", "say": "By a form.", "page": "https://127.0.0.1/ask",
              "token_env": "A_PASSWORD"}  # fmt: skip
    project.write_card(
        archive("a.zip", parts=parts, password_env="A_PASSWORD"),  # noqa: S106  a name
        videos=["1.mp4"],
        access=access,
    )
    with pytest.raises(PasswordMissingError, match=r"127\.0\.0\.1/ask, put the password into"):
        project.fetch()
    assert project.asked() == ["/labels.json"]
    monkeypatch.setenv("A_PASSWORD", PASSWORD)
    receipt = project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}
    assert [file["name"] for file in receipt["downloads"][1:]] == ["a_partsaa", "a_partsab"]
    assert not any("Authorization" in asked.headers for asked in project.site.asked)
    written = b"".join(path.read_bytes() for path in project.home.rglob("*") if path.is_file())
    out, err = capfd.readouterr()
    for place in (written.decode(errors="replace"), out, err, caplog.text):
        assert PASSWORD not in place


def test_a_token_goes_to_the_host_that_gave_it_and_to_no_other(
    project: Project, video: bytes, make_site: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", PASSWORD)
    other = make_site()
    port = other.server.server_port
    other.has("/a.zip", zip_of("1.mp4", content=video))
    own = [project.site.url("/a.zip"), f"http://localhost:{port}/a.zip"]
    access = {"kind": "token", "say": "By a form.", "page": "https://127.0.0.1/ask",
              "token_env": "A_TOKEN"}  # fmt: skip
    project.write_card(archive("a.zip", urls=own), videos=["1.mp4"], access=access)
    project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}
    assert project.site.asked[-1].headers["Authorization"] == f"Bearer {PASSWORD}"
    assert "Authorization" not in other.asked[0].headers


def manual(drop: str, **more: Any) -> dict[str, Any]:
    page = "https://example.org/form"
    return archive("the archives", manual={"page": page, "drop": drop}, unpack="auto", **more)


def test_a_manual_set_says_what_to_drop_where_and_goes_on_from_there(
    project: Project, video: bytes
) -> None:
    project.write_card(
        manual("*", password_env="A_PASSWORD"),  # noqa: S106  a name
        videos=["1.mp4", "2.mp4", "3.mp4"],
    )
    project.downloads.mkdir(parents=True)
    (project.downloads / "mine.zip.part").write_bytes(b"unfinished")
    with pytest.raises(NotDroppedError) as caught:
        project.fetch()
    message = str(caught.value)
    assert f"ask at https://example.org/form, drop it as {project.downloads}/*" in message
    assert "environment variable A_PASSWORD" in message
    assert "run the same command again" in message
    assert (project.source / "labels.json").is_file()

    (project.downloads / "mine.zip").write_bytes(zip_of("1.mp4", content=video))
    (project.downloads / "2.mp4").write_bytes(video)
    receipt = project.fetch()
    assert project.statuses() == {"1.mp4": "ok", "2.mp4": "ok", "3.mp4": "missing"}
    origins = [file["origin"] for file in receipt["downloads"][1:]]
    assert origins == ["put in place by the user"] * 2
    assert (project.downloads / "mine.zip").is_file()  # what a person dropped is that person's

    (project.downloads / "more.zip").write_bytes(zip_of("3.mp4", content=video))
    (project.downloads / "mine.zip").unlink()
    project.fetch()
    assert set(project.statuses().values()) == {"ok"}


def test_an_archive_of_a_kind_that_is_not_read_says_so(project: Project) -> None:
    project.write_card(manual("*"), videos=["1.mp4"])
    project.downloads.mkdir(parents=True)
    (project.downloads / "mine.rar").write_bytes(b"Rar!\x1a\x07\x01\x00 and more")
    with pytest.raises(TransferError, match=r"mine\.rar: is a RAR archive"):
        project.fetch()


def test_what_is_dropped_for_an_open_set_is_taken_and_checked(
    project: Project, video: bytes
) -> None:
    content = zip_of("1.mp4", content=video)
    urls = [project.site.url("/nowhere.zip")]
    sha256 = hashlib.sha256(content).hexdigest()
    project.write_card(archive("a.zip", urls=urls, sha256=sha256), videos=["1.mp4"])
    project.downloads.mkdir(parents=True)
    (project.downloads / "a.zip").write_bytes(content[:-1])
    with pytest.raises(TransferError, match="Move it away"):
        project.fetch()
    (project.downloads / "a.zip").write_bytes(content)
    project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}
    assert "/nowhere.zip" not in project.asked()


def test_videos_in_place_by_hand_stay_and_only_labels_come(project: Project, video: bytes) -> None:
    project.write_card(archive("a.zip", urls=project.has("a.zip", b"")), videos=["1.mp4"])
    (project.source / "videos" / "mine").mkdir(parents=True)
    (project.source / "videos" / "mine" / "1.mp4").write_bytes(video)
    for _ in range(2):
        assert project.fetch()["made_by"] == "put in place by the user"
    assert project.asked() == ["/labels.json"]
    assert project.statuses() == {"1.mp4": "ok"}


def test_a_set_with_videos_of_another_needs_that_one_first(project: Project) -> None:
    project.write_card(videos=["1.mp4"], files_of="owner")
    with pytest.raises(SetNotInPlaceError, match="run `vqathinker data fetch owner` first"):
        project.fetch()
    (project.folder / "data" / "owner" / "source" / "videos").mkdir(parents=True)
    assert [file["path"] for file in project.fetch()["files"]] == ["labels.json"]


def test_a_mirror_folder_needs_no_network(project: Project, video: bytes, tmp_path: Path) -> None:
    """Not even the hub's list, which would give the hash."""
    hub = {"repo": "owner/videos", "revision": COMMIT}
    content = zip_of("1.mp4", content=video)
    sha256 = hashlib.sha256(content).hexdigest()
    project.write_card(archive("a.zip", hub=hub, sha256=sha256), videos=["1.mp4"])
    mirror = tmp_path / "mirror"
    (mirror / "small").mkdir(parents=True)
    (mirror / "small" / "a.zip").write_bytes(content)
    (mirror / "small" / "labels.json").write_bytes(labels_of("1.mp4"))
    receipt = project.fetch(mirror=str(mirror))
    assert project.asked() == []
    assert receipt["downloads"][0]["origin"] == str(mirror / "small" / "labels.json")


def test_the_head_of_a_branch_is_taken_once_and_stands_in_the_receipt(
    project: Project, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", project.site.url(""))
    template = project.site.url("/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    content = zip_of("1.mp4", content=video)
    sibling = {"rfilename": "a.zip", "size": len(content), "blobId": "0" * 40,
               "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content),
                       "pointerSize": 1}}  # fmt: skip
    info = json.dumps({"id": "owner/videos", "sha": COMMIT, "siblings": [sibling]}).encode()
    listed = project.site.status(200, info, Content_Type="application/json")
    api = "/api/datasets/owner/videos/revision"
    project.site.has(f"{api}/main", b"", always=listed)
    project.site.has(f"{api}/{COMMIT}?blobs=true", b"", always=listed)
    name = f"datasets/owner/videos/resolve/{COMMIT}/a.zip"
    project.has(name, content, first=[project.site.status(404)])
    hub = {"repo": "owner/videos", "revision": None}
    project.write_card(archive("a.zip", hub=hub), videos=["1.mp4"])
    with pytest.raises(TransferError, match="404"):
        project.fetch()
    assert project.asked().count(f"{api}/main") == 1
    receipt = project.fetch()
    assert f"{api}/main" not in project.asked()
    assert receipt["downloads"][1]["revision"] == COMMIT
    assert project.statuses() == {"1.mp4": "ok"}


def test_the_commands_bring_a_set_of_a_card_in_the_project(
    project: Project, video: bytes, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from vqathinker.cli import app

    def run(*args: str) -> str:
        result = CliRunner().invoke(app, ["data", *args])
        assert result.exit_code == 0, result.output
        return result.output

    monkeypatch.chdir(project.folder)
    quick = config["download"] | {"attempts": 1}
    (project.folder / "params.yaml").write_text(json.dumps(config | {"download": quick}))
    urls = project.has("a.zip", zip_of("1.mp4", content=video))
    project.write_card(archive("a.zip", urls=urls), videos=["1.mp4", "2.mp4"])
    assert "`vqathinker data fetch small`" in run("status", "small")
    assert "2 files in data/small/source" in run("fetch", "small")
    assert "small: 2 videos, 1 of them missing or damaged" in run("manifest", "small")
    assert "1 videos are missing" in run("status", "small")
    assert (project.folder / "data-hashes.csv").is_file()
    run("fetch", "small", "--download", "params.yaml")
    assert project.asked() == ["/labels.json", "/a.zip"]
