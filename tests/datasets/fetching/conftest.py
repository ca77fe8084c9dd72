"""A project with a card, and a server with the files of its set."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import pyzipper

from vqathinker.datasets.card import Card
from vqathinker.datasets.fetch import fetch_set
from vqathinker.datasets.manifest import build_manifest
from vqathinker.params import DataParams, DownloadParams

LIMITS = {"files": 10, "bytes": 10**7}
SETTINGS = {
    "mirror": None, "keep_archives": False, "attempts": 2, "fetch": "open",
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


def archive(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "unpack": "zip", "limits": LIMITS} | more


class Project:
    """A project folder with the card `small`, and a server with its files."""

    def __init__(self, folder: Path, site: Any) -> None:
        self.folder, self.site = folder, site
        self.home = folder / "data" / "small"
        self.source, self.downloads = self.home / "source", self.home / "downloads"
        self.card: Card

    zip_of = staticmethod(zip_of)
    labels_of = staticmethod(labels_of)
    archive = staticmethod(archive)

    def has(self, name: str, content: bytes, **more: Any) -> list[str]:
        return [self.site.serve(f"/{name}", content, **more).url]

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
        return fetch_set(
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

    def requested(self) -> list[str]:
        """Paths requested since the last call."""
        paths = [request.path for request in self.site.requests]
        self.site.requests.clear()
        return paths


@pytest.fixture
def project(tmp_path: Path, site: Any) -> Project:
    return Project(tmp_path, site)
