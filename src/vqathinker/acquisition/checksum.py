"""Published checksums, and a table of hashes for files whose owners publish none.

Cards and the hub's LFS pointers give SHA-256. For small files, the hub gives git's blob id.
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
        algorithm: "git-sha1" is git's blob id.
        digest: hexadecimal, lower case.
        source: where it was published; used in messages.
    """

    algorithm: Literal["sha256", "git-sha1"]
    digest: str
    source: str = "its card"

    def digest_of(self, path: Path) -> str:
        """Compute the digest of a file with this algorithm."""
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
    """CSV file with the hashes of first downloads; it is meant to be committed to git.

    One row per file: name, bytes, sha256, date, address. The first download adds the row. Later
    downloads, on any machine, must match it. A lock lets concurrent jobs share the table. To accept
    a new version of a file, delete its row.
    """

    path: Path

    def find(self, name: str) -> Checksum | None:
        """Look up the hash of the file `name`; None if it is not recorded.

        Raises:
            InputError: the table is malformed, or has two different hashes for the name.
        """
        if not self.path.is_file() or self.path.stat().st_size == 0:
            return None
        expected = f"a table with the columns {','.join(_COLUMNS)}"
        with (
            reading(self.path, expected, "correct it, or restore it from git"),
            self.path.open(encoding="utf-8", newline="") as file,
        ):
            table = csv.DictReader(file)
            if table.fieldnames != _COLUMNS:
                raise ValueError(table.fieldnames)
            rows = [row for row in table if row["name"] == name]
        digests = {row["sha256"] for row in rows}
        if len(digests) > 1:
            raise InputError(
                f"{self.path}: {len(digests)} different hashes for {name}; delete the wrong rows"
            )
        for row in rows:
            return Checksum("sha256", row["sha256"], f"{self.path}, recorded {row['date']}")
        return None

    def record(self, name: str, size: int, sha256: str, day: date, address: str) -> None:
        """Add the hash of a file unless the table has one. Raises InputError like `find`.

        `size` is in bytes. `address` is that of the origin, without secrets.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            lock_descriptor(file.fileno())
            if self.find(name):
                return
            rows = StringIO()
            writer = csv.writer(rows, lineterminator="\n")
            if self.path.stat().st_size == 0:
                writer.writerow(_COLUMNS)
            writer.writerow([name, size, sha256, day.isoformat(), address])
            append_line(self.path, rows.getvalue().removesuffix("\n"))
