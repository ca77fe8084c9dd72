"""Origins of files (parts, mirror folder, hub), and where secrets are sent."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from vqathinker.acquisition.errors import TransferError
from vqathinker.datasets.fetching.manual_files import UserActionError

PASSWORD = "pass_5ecret01234"  # noqa: S105  opens nothing
COMMIT = "7cebd238a801a95d380303a0895e34e863c890bf"


def test_parts_are_concatenated_and_password_is_never_shown(
    project: Any,
    video: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    content = project.zip_of("1.mp4", content=video, password=PASSWORD)
    parts = [
        {"name": f"a_parts{letter}", "urls": project.has(f"a_parts{letter}", piece)}
        for letter, piece in (("aa", content[:700]), ("ab", content[700:]))
    ]
    access = {"kind": "token", "say": "By a form.", "page": "https://127.0.0.1/ask",
              "token_env": "A_PASSWORD"}  # fmt: skip
    project.write_card(
        project.archive("a.zip", parts=parts, password_env="A_PASSWORD"),  # noqa: S106  a name
        videos=["1.mp4"],
        access=access,
    )
    with pytest.raises(UserActionError, match=r"127\.0\.0\.1/ask.*A_PASSWORD"):
        project.fetch()
    assert project.requested() == ["/labels.json"]
    monkeypatch.setenv("A_PASSWORD", PASSWORD)
    receipt = project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}
    assert [file["name"] for file in receipt["downloads"][1:]] == ["a_partsaa", "a_partsab"]
    assert not any("Authorization" in request.headers for request in project.site.requests)
    written = b"".join(path.read_bytes() for path in project.home.rglob("*") if path.is_file())
    out, err = capfd.readouterr()
    for place in (written.decode(errors="replace"), out, err, caplog.text):
        assert PASSWORD not in place


def test_token_is_sent_only_to_its_host(
    project: Any, video: bytes, make_site: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", PASSWORD)
    other = make_site()
    port = other.server.server_port
    other.serve("/a.zip", project.zip_of("1.mp4", content=video))
    own = [project.site.url("/a.zip"), f"http://localhost:{port}/a.zip"]
    access = {"kind": "token", "say": "By a form.", "page": "https://127.0.0.1/ask",
              "token_env": "A_TOKEN"}  # fmt: skip
    project.write_card(project.archive("a.zip", urls=own), videos=["1.mp4"], access=access)
    project.fetch()
    assert project.statuses() == {"1.mp4": "ok"}
    assert project.site.requests[-1].headers["Authorization"] == f"Bearer {PASSWORD}"
    assert "Authorization" not in other.requests[0].headers


def test_mirror_folder_needs_no_network(project: Any, video: bytes, tmp_path: Path) -> None:
    """The file list of the hub, with the hash, is not requested either."""
    hub = {"repo": "owner/videos", "revision": COMMIT}
    content = project.zip_of("1.mp4", content=video)
    sha256 = hashlib.sha256(content).hexdigest()
    project.write_card(project.archive("a.zip", hub=hub, sha256=sha256), videos=["1.mp4"])
    mirror = tmp_path / "mirror"
    (mirror / "small").mkdir(parents=True)
    (mirror / "small" / "a.zip").write_bytes(content)
    (mirror / "small" / "labels.json").write_bytes(project.labels_of("1.mp4"))
    receipt = project.fetch(mirror=str(mirror))
    assert project.requested() == []
    assert receipt["downloads"][0]["origin"] == str(mirror / "small" / "labels.json")


def test_commit_of_branch_is_pinned_and_recorded(
    project: Any, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", project.site.url(""))
    template = project.site.url("/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    content = project.zip_of("1.mp4", content=video)
    sibling = {"rfilename": "a.zip", "size": len(content), "blobId": "0" * 40,
               "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content),
                       "pointerSize": 1}}  # fmt: skip
    info = json.dumps({"id": "owner/videos", "sha": COMMIT, "siblings": [sibling]}).encode()
    listed = project.site.status(200, info, Content_Type="application/json")
    api = "/api/datasets/owner/videos/revision"
    project.site.serve(f"{api}/main?blobs=true", b"", always=listed)
    project.site.serve(f"{api}/{COMMIT}?blobs=true", b"", always=listed)
    name = f"datasets/owner/videos/resolve/{COMMIT}/a.zip"
    project.has(name, content, first=[project.site.status(404)])
    hub = {"repo": "owner/videos", "revision": None}
    project.write_card(project.archive("a.zip", hub=hub), videos=["1.mp4"])
    with pytest.raises(TransferError, match="404"):
        project.fetch()
    assert project.requested().count(f"{api}/main?blobs=true") == 1
    receipt = project.fetch()
    assert f"{api}/main?blobs=true" not in project.requested()
    assert receipt["downloads"][1]["revision"] == COMMIT
    assert project.statuses() == {"1.mp4": "ok"}
