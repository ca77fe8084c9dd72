"""Hashes of first downloads, in a table that git keeps: for files whose owner publishes none.

One CSV row per file: name, bytes, sha256, date, address. The first download writes it, every later
one has to agree, on whichever machine. Rows are only ever added, under a lock, so that the jobs of
one machine can share the table; to accept another file, its row is deleted by hand.
"""

import csv
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path

from filelock import lock_descriptor

from vqathinker.acquisition.transfer.checksum import Checksum
from vqathinker.acquisition.transfer.disk import disk_full_error
from vqathinker.atomic import append_line

__all__ = ["HashTable", "HashTableError"]

_COLUMNS = ["name", "bytes", "sha256", "date", "address"]


class HashTableError(ValueError):
    """The table of hashes is not as it must be; the message names file and line."""


@dataclass(frozen=True)
class HashTable:
    """The table at `path`, which need not exist yet."""

    path: Path

    def find(self, name: str) -> Checksum | None:
        """Hash recorded for the file `name`; None when it has never come.

        Raises:
            HashTableError: the table cannot be read, or has two hashes for the name.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return self._find_in(text, name)

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
            HashTableError: see `find`.
            DiskFullError: the row does not fit; the table is as it was.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+", encoding="utf-8", newline="") as file:
            lock_descriptor(file.fileno())
            file.seek(0)  # read again: another job may have written since `find`
            text = file.read()
            known = self._find_in(text, name)
            if known is not None:
                return known
            rows = StringIO()
            writer = csv.writer(rows, lineterminator="\n")
            if not text:
                writer.writerow(_COLUMNS)
            writer.writerow([name, size, sha256, day.isoformat(), address])
            try:
                append_line(self.path, rows.getvalue().removesuffix("\n"))
            except OSError as error:
                raise disk_full_error(error, self.path, len(rows.getvalue())) or error from None
        return Checksum("sha256", sha256, self._source(day.isoformat()))

    def _find_in(self, text: str, name: str) -> Checksum | None:
        rows = csv.DictReader(StringIO(text, newline=""))
        if text and rows.fieldnames != _COLUMNS:
            raise HashTableError(f"{self.path}, line 1: expected {','.join(_COLUMNS)}")
        found: dict[str, Checksum] = {}
        for row in rows:
            if row["name"] != name:
                continue
            try:
                checksum = Checksum("sha256", row["sha256"] or "", self._source(row["date"]))
            except ValueError as error:
                raise HashTableError(f"{self.path}, line {rows.line_num}: {error}") from error
            found[checksum.digest] = checksum
        if len(found) > 1:
            hashes = " and ".join(found)
            raise HashTableError(
                f"{self.path}: two hashes for {name}: {hashes}; delete the row of the wrong one"
            )
        return next(iter(found.values()), None)

    def _source(self, day: str | None) -> str:
        return f"{self.path}, recorded {day}"
