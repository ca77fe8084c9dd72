"""Encrypted archives: the password comes from the environment and is shown nowhere."""

import base64
import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from vqathinker.acquisition.archives.members import ArchiveLimits, DamagedArchiveError
from vqathinker.acquisition.archives.unpack import unpack

AMPLE = ArchiveLimits(files=1000, bytes=100_000_000, ratio=1000.0)


VARIABLE = "HFR_PASSWORD"


PASSWORD = "s3cret pass"  # noqa: S105  opens the archive below and nothing else


# Made by Info-ZIP: `zip -X -P 's3cret pass' golden.zip videos/clip_crf_0_24fps.webm` (Zip 3.0).
BY_INFO_ZIP = base64.b64decode(
    "UEsDBAoACQAAAAAAOFPXt6MHHwAAABMAAAAcAAAAdmlkZW9zL2NsaXBfY3JmXzBfMjRmcHMud2VibYzzs6ESnDS+hBi6"
    "ibPbM2KVHadFmxB/NahNf4vtMqhQSwcI17ejBx8AAAATAAAAUEsBAh4DCgAJAAAAAAA4U9e3owcfAAAAEwAAABwAAAAA"
    "AAAAAQAAAKSBAAAAAHZpZGVvcy9jbGlwX2NyZl8wXzI0ZnBzLndlYm1QSwUGAAAAAAEAAQBKAAAAaQAAAAAA"
)


@pytest.fixture
def encrypted(archive: Callable, pack: Callable) -> Callable[[str], Path]:
    """encrypted(kind) is an archive that PASSWORD opens."""
    made = {"ZipCrypto": BY_INFO_ZIP, "AES": pack("aes", {"a": b"1"}, PASSWORD)}
    return lambda kind: archive(made[kind])


def test_the_password_comes_from_the_environment(
    archive: Callable,
    pack: Callable,
    files_below: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    name = "videos/clip_crf_0_24fps.webm"
    content = {name: b"a video, so to say\n"}
    unpack(archive(BY_INFO_ZIP), tmp_path / "old", limits=AMPLE, password_variable=VARIABLE)
    assert files_below(tmp_path / "old") == content
    path = archive(pack("aes", content, PASSWORD))
    unpack(path, tmp_path / "aes", limits=AMPLE, password_variable=VARIABLE)
    assert files_below(tmp_path / "aes") == content


@pytest.mark.parametrize("kind", ["ZipCrypto", "AES"])
def test_without_a_password_the_variable_to_set_is_named(
    kind: str,
    encrypted: Callable,
    files_below: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DamagedArchiveError, match=r"is encrypted: .* into \$HFR_PASSWORD"):
        unpack(encrypted(kind), tmp_path / "s", limits=AMPLE, password_variable=VARIABLE)
    with pytest.raises(DamagedArchiveError, match="into the variable of its card"):
        unpack(encrypted(kind), tmp_path / "s", limits=AMPLE)
    assert files_below(tmp_path / "s") == {}


@pytest.mark.parametrize("kind", ["ZipCrypto", "AES"])
def test_a_wrong_password_is_said_and_shown_nowhere(
    kind: str,
    encrypted: Callable,
    files_below: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(VARIABLE, "wr0ng one")
    with pytest.raises(DamagedArchiveError, match="password") as caught:
        unpack(encrypted(kind), tmp_path / "s", limits=AMPLE, password_variable=VARIABLE)
    assert "$HFR_PASSWORD" in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert "wr0ng" not in "".join(shown.format())
        error = error.__context__
    assert "wr0ng" not in caplog.text
    assert files_below(tmp_path / "s") == {}


def test_a_changed_byte_of_an_encrypted_file_is_found(
    archive: Callable, pack: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    content = bytearray(pack("aes", {"clip.mp4": bytes(3_000_000)}, PASSWORD))
    content[1_000_000] ^= 1
    with pytest.raises(DamagedArchiveError, match=r"clip\.mp4 cannot be read to its end"):
        unpack(
            archive(bytes(content)), tmp_path / "source", limits=AMPLE, password_variable=VARIABLE
        )
    assert list((tmp_path / "source").iterdir()) == []
