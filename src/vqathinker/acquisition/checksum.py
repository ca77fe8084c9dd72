"""Published checksums of files, and a table of hashes for files without a published one.

Cards and the hub's LFS pointers give SHA-256; the hub gives git's blob id of small files. For
KoNViD-1k only a prefix of the SHA-256 is published, which is long enough to exclude chance.
"""

import csv
import hashlib
import re
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Literal

from filelock import lock_descriptor

from vqathinker.atomic import append_line
from vqathinker.errors import InputError
from vqathinker.hashing import sha256_of_file

_COLUMNS = ["name", "bytes", "sha256", "date", "address"]


@dataclass(frozen=True)
class Checksum:
    """Prefix of a file's digest, usually all of it.

    Args:
        algorithm: git-sha1 is git's blob id.
        digest: hexadecimal, lower case.
        source: who published it, for messages.

    Raises:
        ValueError: malformed digest.
    """

    algorithm: Literal["sha256", "git-sha1"]
    digest: str
    source: str = "its card"

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{16,64}", self.digest):
            raise ValueError(f"{self.algorithm} {self.digest!r}: expected 16 to 64 of 0-9a-f")

    def digest_of(self, path: Path) -> str:
        """Full digest of a file by this algorithm."""
        if self.algorithm == "sha256":
            return sha256_of_file(path)
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def matches(self, digest: str) -> bool:
        """Whether a file with this digest is the published one."""
        return digest.startswith(self.digest)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"


@dataclass(frozen=True)
class HashTable:
    """Hashes of first downloads in the CSV file `path`, which is kept in git.

    One row per file: name, bytes, sha256, date, address. The first download adds the row, and later
    ones on any machine must match it. Rows are added under a lock, so concurrent jobs can share the
    table. Delete a row to accept a new version of its file.
    """

    path: Path

    def find(self, name: str) -> Checksum | None:
        """Recorded hash of the file `name`, or None.

        Raises:
            InputError: the table is malformed, or has two hashes for the name.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        rows = csv.DictReader(StringIO(text, newline=""))
        if text and rows.fieldnames != _COLUMNS:
            raise InputError(f"{self.path}, line 1: expected {','.join(_COLUMNS)}")
        found: dict[str, Checksum] = {}
        for row in rows:
            if row["name"] == name:
                source = f"{self.path}, recorded {row['date']}"
                try:
                    checksum = Checksum("sha256", row["sha256"] or "", source)
                except ValueError as error:
                    raise InputError(f"{self.path}, line {rows.line_num}: {error}") from error
                found[checksum.digest] = checksum
        if len(found) > 1:
            raise InputError(
                f"{self.path}: {len(found)} hashes for {name}; delete the rows of the wrong ones"
            )
        return next(iter(found.values()), None)

    def record(self, name: str, size: int, sha256: str, day: date, address: str) -> Checksum:
        """Add the hash of a file unless the table has one.

        Args:
            name: of the file, the same on every machine.
            size: in bytes.
            sha256: hexadecimal.
            day: of the download.
            address: of the origin, without secrets.

        Returns:
            The hash in the table, which a concurrent job may have added.

        Raises:
            InputError: see `find`.
            OSError: the table cannot be written; it is unchanged.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            lock_descriptor(file.fileno())
            if known := self.find(name):
                return known
            rows = StringIO()
            writer = csv.writer(rows, lineterminator="\n")
            if self.path.stat().st_size == 0:
                writer.writerow(_COLUMNS)
            writer.writerow([name, size, sha256, day.isoformat(), address])
            append_line(self.path, rows.getvalue().removesuffix("\n"))
        return Checksum("sha256", sha256, f"{self.path}, recorded {day.isoformat()}")
