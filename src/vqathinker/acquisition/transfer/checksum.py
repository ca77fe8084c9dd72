"""Checksums of files: as their owners publish them, and as the hub's git names them.

Origins: SHA-256 from LFS pointers of the hub, MD5 from a bucket's listing, git's own id of a small
file in a hub repository. A prefix of a SHA-256 counts where only that is published (KoNViD-1k);
it has to be long enough that nothing else fits by chance.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

__all__ = ["Checksum", "sha256_of"]

Algorithm = Literal["sha256", "md5", "git-sha1"]
_LENGTHS: dict[str, tuple[int, int]] = {"sha256": (16, 64), "md5": (32, 32), "git-sha1": (40, 40)}


@dataclass(frozen=True)
class Checksum:
    """What a file's digest has to begin with, and who says so.

    Args:
        algorithm: git-sha1 is git's id of a blob.
        digest: hexadecimal, lower case.
        source: who published it, for messages: "its card", "recorded in data-hashes.csv".

    Raises:
        ValueError: not a digest of that kind.
    """

    algorithm: Algorithm
    digest: str
    source: str = "its card"

    def __post_init__(self) -> None:
        if self.algorithm not in get_args(Algorithm):
            known = ", ".join(get_args(Algorithm))
            raise ValueError(f"checksum of kind {self.algorithm!r}, expected one of {known}")
        shortest, longest = _LENGTHS[self.algorithm]
        if not re.fullmatch(rf"[0-9a-f]{{{shortest},{longest}}}", self.digest):
            raise ValueError(
                f"{self.algorithm} {self.digest!r}: expected {shortest} to {longest} of 0-9a-f"
            )

    @classmethod
    def parse(cls, text: str, source: str = "its card") -> "Checksum":
        """Read "sha256:3528bf99…"; ValueError when it is not of that form."""
        algorithm, _, digest = text.partition(":")
        return cls(cast("Algorithm", algorithm), digest, source)

    def digest_of(self, path: Path) -> str:
        """Digest of a file by this algorithm, whole even where only a prefix is published."""
        with path.open("rb") as file:
            if self.algorithm != "git-sha1":
                return hashlib.file_digest(file, self.algorithm).hexdigest()
            digest = hashlib.sha1(usedforsecurity=False)
            digest.update(b"blob %d\0" % path.stat().st_size)
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()

    def matches(self, digest: str) -> bool:
        """Whether a file with this digest is the published one."""
        return digest.startswith(self.digest)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
