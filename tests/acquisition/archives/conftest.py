"""Archives of all kinds, made on the spot."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import pyzipper

Files = dict[str, bytes]


def zip_of(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tar_of(files: Files, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def aes_zip_of(files: Files, password: str) -> bytes:
    out = io.BytesIO()
    with pyzipper.AESZipFile(out, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password.encode())
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


FORMATS: dict[str, Callable[..., bytes]] = {
    "zip": zip_of,
    "tar": tar_of,
    "tar.gz": lambda files: tar_of(files, "w:gz"),
    "tar.bz2": lambda files: tar_of(files, "w:bz2"),
    "tar.xz": lambda files: tar_of(files, "w:xz"),
    "aes": aes_zip_of,
}


def _files_below(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], Path]:
    """archive(content) is a file in a folder of its own; its name says nothing of its kind."""

    def write(content: bytes) -> Path:
        (tmp_path / "download").mkdir(exist_ok=True)
        path = tmp_path / "download" / "archive"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture(scope="session")
def pack() -> Callable[..., bytes]:
    """pack("tar.gz", files) is an archive; pack("aes", files, password) an encrypted one."""
    return lambda kind, *what: FORMATS[kind](*what)


@pytest.fixture(scope="session")
def files_below() -> Callable[[Path], Files]:
    """files_below(folder) is the content of every file in it, by its path."""
    return _files_below
