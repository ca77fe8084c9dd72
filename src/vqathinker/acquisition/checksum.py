"""Checksums of files, as their owners publish them, and a table of those that nobody publishes.

Published are SHA-256 (LFS pointers of the hub, cards) and git's id of a small file in a hub
repository. A prefix of a SHA-256 counts where only that is published (KoNViD-1k); it has to be long
enough that nothing else fits by chance.
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
from vqathinker.content import sha256_of_file
from vqathinker.errors import InputError

Algorithm = Literal["sha256", "git-sha1"]
_LENGTHS: dict[str, tuple[int, int]] = {"sha256": (16, 64), "git-sha1": (40, 40)}
_COLUMNS = ["name", "bytes", "sha256", "date", "address"]


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
        shortest, longest = _LENGTHS[self.algorithm]
        if not re.fullmatch(rf"[0-9a-f]{{{shortest},{longest}}}", self.digest):
            raise ValueError(
                f"{self.algorithm} {self.digest!r}: expected {shortest} to {longest} of 0-9a-f"
            )

    def digest_of(self, path: Path) -> str:
        """Digest of a file by this algorithm, whole even where only a prefix is published."""
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
    """Hashes of first downloads at `path`, a CSV file that git keeps; it need not exist yet.

    One row per file: name, bytes, sha256, date, address. The first download writes it, every later
    one has to agree, on whichever machine. Rows are only ever added, under a lock, so that the jobs
    of one machine can share the table; to accept another file, its row is deleted by hand.
    """

    path: Path

    def find(self, name: str) -> Checksum | None:
        """Hash recorded for the file `name`; None when it has never come.

        Raises:
            InputError: the table cannot be read, or has two hashes for the name.
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
        """Write a file's hash unless one is there already.

        Args:
            name: of the file, the same on every machine.
            size: in bytes.
            sha256: hexadecimal.
            day: when it came.
            address: where from, without a secret.

        Returns:
            The hash that the table holds now: another one when another job was faster.

        Raises:
            InputError: see `find`.
            OSError: it cannot be written; the table is as it was.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            lock_descriptor(file.fileno())
            if known := self.find(name):  # another job may have written it
                return known
            rows = StringIO()
            writer = csv.writer(rows, lineterminator="\n")
            if self.path.stat().st_size == 0:
                writer.writerow(_COLUMNS)
            writer.writerow([name, size, sha256, day.isoformat(), address])
            append_line(self.path, rows.getvalue().removesuffix("\n"))
        return Checksum("sha256", sha256, f"{self.path}, recorded {day.isoformat()}")
