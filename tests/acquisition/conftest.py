"""Shared fixtures: download context, certificates and archives."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyzipper
from tests.origin_server import make_certificate

from vqathinker.acquisition.checksum import Checksum
from vqathinker.acquisition.download import DownloadContext
from vqathinker.acquisition.errors import RetryPolicy
from vqathinker.acquisition.partial import ExpectedFile
from vqathinker.acquisition.unpack import unpack

PLAIN = ExpectedFile("set/file.bin")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def published(content: bytes) -> ExpectedFile:
    return ExpectedFile("set/file.bin", len(content), Checksum("sha256", sha256(content)))


def other_files(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)


@pytest.fixture(scope="session")
def twenty_megabytes() -> bytes:
    return np.random.default_rng(20).bytes(20_000_000)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the waits between attempts in seconds, without sleeping."""
    waits: list[float] = []
    monkeypatch.setattr("vqathinker.acquisition.errors.sleep", waits.append)
    return waits


@pytest.fixture
def context(waits: list[float]) -> DownloadContext:
    return DownloadContext(RetryPolicy(attempts=3, max_retry_after_s=60.0))


@pytest.fixture
def short_timeouts(context: DownloadContext, monkeypatch: pytest.MonkeyPatch) -> DownloadContext:
    """A context with short timeouts, for servers that stall.

    Do not use it for a server that has to respond, which may be slow on a busy machine.
    """
    for module in ("web", "drive"):
        monkeypatch.setattr(f"vqathinker.acquisition.{module}.READ_TIMEOUT_S", 0.2)
    return context


@pytest.fixture(scope="session")
def certificate_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """certificate_for("name") returns the paths of a self-signed certificate and its key."""
    return lambda *names: make_certificate(tmp_path_factory.mktemp("certificate"), *names)


Files = dict[str, bytes]


def pack(kind: str, files: Files, password: str | None = None) -> bytes:
    """Build an archive: pack("tar.gz", files); pack("zip", files, password) encrypts with AES."""
    out = io.BytesIO()
    if kind == "zip":
        opened = pyzipper.AESZipFile if password else zipfile.ZipFile
        with opened(out, "w", zipfile.ZIP_DEFLATED) as archive:
            if password:
                archive.setencryption(pyzipper.WZ_AES)
                archive.setpassword(password.encode())
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=out, mode=f"w:{kind[4:]}") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def files_below(folder: Path) -> Files:
    """Contents of all files below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def unpack_all(tmp_path: Path) -> Callable[..., Files]:
    """unpack_all(path, …) unpacks into `tmp_path`/source and returns the contents of all files."""

    def unpack_all(*parts: Path, **more: Any) -> Files:
        limits = {"max_files": 1000, "max_bytes": 100_000_000} | more
        unpack(parts, tmp_path / "source", **limits)
        return files_below(tmp_path / "source")

    return unpack_all


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], Path]:
    """archive(content) writes a file without a suffix into a separate folder."""

    def write(content: bytes) -> Path:
        (tmp_path / "download").mkdir(exist_ok=True)
        path = tmp_path / "download" / "archive"
        path.write_bytes(content)
        return path

    return write
