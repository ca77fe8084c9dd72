"""Published checksums of files, and a table of hashes for files without a published one.

Cards and the hub's LFS pointers give SHA-256; the hub gives git's blob id of small files.
"""

import csv
import hashlib
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Literal

from filelock import lock_descriptor

from vqathinker.atomic import append_line
from vqathinker.errors import InputError, reading
from vqathinker.hashing import sha256_of_file

_COLUMNS = ["name", "bytes", "sha256", "date", "address"]


@dataclass(frozen=True)
class Checksum:
    """Digest of a file.

    Args:
        algorithm: git-sha1 is git's blob id.
        digest: hexadecimal, lower case.
        source: who published it, for messages.
    """

    algorithm: Literal["sha256", "git-sha1"]
    digest: str
    source: str = "its card"

    def digest_of(self, path: Path) -> str:
        """Digest of a file by this algorithm."""
        if self.algorithm == "sha256":
            return sha256_of_file(path)
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

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
        if not self.path.is_file() or self.path.stat().st_size == 0:
            return None
        expected = f"a table with the columns {','.join(_COLUMNS)}"
        with (
            reading(self.path, expected, "correct it, or get it back from git"),
            self.path.open(encoding="utf-8", newline="") as file,
        ):
            table = csv.DictReader(file)
            if table.fieldnames != _COLUMNS:
                raise ValueError(table.fieldnames)
            rows = [row for row in table if row["name"] == name]
        digests = {row["sha256"] for row in rows}
        if len(digests) > 1:
            raise InputError(
                f"{self.path}: {len(digests)} hashes for {name}; delete the rows of the wrong ones"
            )
        for row in rows:
            return Checksum("sha256", row["sha256"], f"{self.path}, recorded {row['date']}")
        return None

    def record(self, name: str, size: int, sha256: str, day: date, address: str) -> Checksum:
        """Add the hash of a file unless the table has one.

        Returns the hash in the table, which a concurrent job may have added. `size` is in bytes,
        `address` is that of the origin, without secrets.

        Raises:
            InputError: see `find`.
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
