"""Files of one commit on the hub, with the hub's hashes, from a fake hub."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from vqathinker.acquisition.download import DownloadContext, download
from vqathinker.acquisition.errors import OriginError, TransferError
from vqathinker.acquisition.hub import HubFile, list_hub_files
from vqathinker.acquisition.partial import ExpectedFile

COMMIT = "7cebd238a801a95d380303a0895e34e863c890bf"
TOKEN = "hf_5ecret0123456789"  # noqa: S105  opens nothing
NAME = "owner/videos"
INFO = f"/api/datasets/{NAME}/revision/{COMMIT}?blobs=true"


class Hub:
    """A repository with the hub's routes; large files are on a separate host."""

    def __init__(self, site, storage, *, gated: bool = False) -> None:
        self.site, self.storage, self.gated = site, storage, gated
        self.commit = COMMIT
        self.siblings: list[dict] = []
        site.serve(INFO, b"", always=self.guarded(self.list))

    def guarded(self, answer: Callable) -> Callable:
        def answer_if_allowed(handler, served) -> None:
            if self.gated and handler.headers.get("Authorization") != f"Bearer {TOKEN}":
                answer_with = self.site.status(401, X_Error_Code="GatedRepo")
                answer_with(handler, served)
            else:
                answer(handler, served)

        return answer_if_allowed

    def list(self, handler, served) -> None:
        info = {"id": NAME, "sha": self.commit, "siblings": self.siblings}
        content = json.dumps(info).encode()
        self.site.status(200, content, Content_Type="application/json")(handler, served)

    def add(self, path: str, content: bytes, *, large: bool, **more) -> None:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        sibling = {"rfilename": path, "size": len(content), "blobId": blob.hexdigest()}
        resolve = f"/datasets/{NAME}/resolve/{COMMIT}/{path}"
        sha256 = hashlib.sha256(content).hexdigest()
        commit = {"X-Repo-Commit": COMMIT}
        if large:
            sibling["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            self.storage.serve(f"/{sha256}?signature=5igned", content, **more)
            moved = self.site.status(
                302,
                Location=self.storage.url(f"/{sha256}?signature=5igned"),
                X_Repo_Commit=COMMIT,
                X_Linked_ETag=f'"{sha256}"',
                X_Linked_Size=str(len(content)),
            )
            self.site.serve(resolve, b"", always=self.guarded(moved))
        else:
            headers = {"ETag": f'"{blob.hexdigest()}"', **commit}
            whole = self.guarded(self.site.whole())
            self.site.serve(resolve, content, headers=headers, always=whole, **more)
        self.siblings.append(sibling)


@pytest.fixture
def hub(make_site: Callable, monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(make_site(), make_site())
    monkeypatch.setenv("A_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "ENDPOINT", hub.site.url(""))
    template = hub.site.url("/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return hub


@pytest.fixture
def gated(hub: Hub) -> Hub:
    hub.gated = True
    return hub


def listed(context: DownloadContext, revision: str = COMMIT) -> dict[str, HubFile]:
    commit, files = list_hub_files(NAME, revision, context.policy, "A_TOKEN")
    assert commit == COMMIT
    return files


def fetch(folder: Path, context: DownloadContext) -> list[str]:
    """Download the whole repository as callers do."""
    files = listed(context)
    for path, file in files.items():
        expected = ExpectedFile(f"set/{path}", file.size, file.checksum)
        download(expected, [file.origin], folder / path, context)
    return sorted(files)


def test_whole_repository_is_downloaded_with_folders(hub, tmp_path, context):
    hub.add("video.tar.gz", b"many bytes", large=True)
    hub.add("folder/README.md", b"# Videos\n", large=False)
    assert fetch(tmp_path, context) == ["folder/README.md", "video.tar.gz"]
    assert (tmp_path / "video.tar.gz").read_bytes() == b"many bytes"
    assert (tmp_path / "folder" / "README.md").read_bytes() == b"# Videos\n"
    # `printf '# Videos\n' | git hash-object --stdin`
    checksum = listed(context)["folder/README.md"].checksum
    assert str(checksum) == "git-sha1:84876d38fb07532394cbba15fadad2dabdad363e"


@pytest.mark.parametrize("large", [True, False])
def test_file_with_other_hash_than_hub_is_rejected(hub, tmp_path, context, large):
    hub.add("video.zip", b"original", large=large)
    place = hub.storage if large else hub.site
    (path,) = [path for path, served in place.files.items() if served.content == b"original"]
    place.files[path].content = b"damaged!"
    with pytest.raises(TransferError, match="the hub"):
        fetch(tmp_path, context)
    assert list(tmp_path.iterdir()) == []


def test_token_is_sent_to_hub_but_not_to_storage(gated, tmp_path, context, caplog):
    caplog.set_level(logging.DEBUG)
    gated.add("data.zip", b"original", large=True)
    fetch(tmp_path, context)
    assert {request.headers["Authorization"] for request in gated.site.requests} == {
        f"Bearer {TOKEN}"
    }
    assert [request.headers.get("Authorization") for request in gated.storage.requests] == [None]
    assert TOKEN not in caplog.text
    assert "5igned" not in caplog.text


@pytest.mark.parametrize(("token", "state"), [(None, "not set"), ("hf_0ther", "set")])
def test_gated_repository_names_page_and_state_of_token(gated, context, monkeypatch, token, state):
    monkeypatch.delenv("A_TOKEN")
    if token is not None:
        monkeypatch.setenv("A_TOKEN", token)
    with pytest.raises(OriginError) as caught:
        listed(context)
    assert f"{gated.site.url('')}/datasets/{NAME}" in str(caught.value)
    assert f"$A_TOKEN is {state}" in str(caught.value)
    assert "hf_0ther" not in str(caught.value)
