"""Checksums: of the kinds that owners publish."""

from pathlib import Path

import pytest

from vqathinker.acquisition.transfer.checksum import Checksum, sha256_of

# FIPS 180-4 and RFC 1321 give the digests of "abc"; git's is from `git hash-object --stdin`.
OF_ABC = {
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "md5": "900150983cd24fb0d6963f7d28e17f72",
    "git-sha1": "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f",
}


@pytest.mark.parametrize("algorithm", OF_ABC)
def test_a_file_has_the_digest_that_others_compute(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    checksum = Checksum.parse(f"{algorithm}:{OF_ABC[algorithm]}")
    assert checksum.digest_of(tmp_path / "file") == checksum.digest
    assert checksum.matches(checksum.digest_of(tmp_path / "file"))
    assert str(checksum) == f"{algorithm}:{OF_ABC[algorithm]}"
    (tmp_path / "file").write_bytes(b"abd")
    assert not checksum.matches(checksum.digest_of(tmp_path / "file"))


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == OF_ABC["sha256"]


def test_a_prefix_of_a_sha256_counts() -> None:
    prefix = Checksum("sha256", OF_ABC["sha256"][:24])
    assert prefix.matches(OF_ABC["sha256"])
    assert not prefix.matches("0" * 64)


@pytest.mark.parametrize(
    "text",
    [
        "sha256:",
        "sha256:ba7816bf",  # too short to mean one file
        "sha256:" + "BA" * 32,
        "sha256:" + "zz" * 32,
        "sha256:" + "ab" * 33,
        "md5:" + "ab" * 15,
        "crc32:12345678",
        "ab" * 32,
    ],
)
def test_what_is_no_checksum_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Checksum.parse(text)
