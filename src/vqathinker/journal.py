"""A journal of finished work, kept next to a result until the result is complete.

It is a hidden file, `.NAME.journal`. The first line describes the job; every other line is one
entry in JSON. A half-written last line is dropped, and the journal of another job is put aside. A
job that is started again only does the work without an entry, and ends in the same bytes.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from vqathinker.atomic import whole_file
from vqathinker.phases.locks import lock_of, only_writer


@dataclass(frozen=True)
class Journal:
    """The entries of one job, in the order in which they were added."""

    entries: list[Any]
    _path: Path
    _file: TextIO

    def add(self, entry: Any) -> None:
        """Write an entry; the next try finds it as soon as this returns."""
        self.entries.append(entry)
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def remove(self) -> None:
        """Delete the journal, once the result is whole."""
        self._path.unlink()


@contextmanager
def open_journal(out: Path, key: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of the file `out`, with the entries of an interrupted run.

    Only one process may hold it: a killed workflow can leave its jobs running, and the next run
    must not do the same work.

    Args:
        out: the result.
        key: everything that the result depends on. A journal with another key is renamed to
            `.NAME.journal.before`.

    Raises:
        HeldError: another process makes the same file.
    """
    path = _journal_of(out)
    head = json.dumps(key, sort_keys=True)
    with only_writer(out, lock_of(out), "writes this file"):
        if path.is_file() and not path.read_text(encoding="utf-8").startswith(f"{head}\n"):
            path.replace(path.with_suffix(".journal.before"))
        entries = read_entries(out)
        with whole_file(path) as part:
            text = "".join(f"{line}\n" for line in [head, *map(json.dumps, entries)])
            part.write_text(text, encoding="utf-8")
        with path.open("a", encoding="utf-8") as file:
            yield Journal(entries, path, file)


def read_entries(out: Path) -> list[Any]:
    """The entries of the journal of `out`, of whatever key, without locking it."""
    path = _journal_of(out)
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[1:-1]]  # the last line is empty or incomplete


def _journal_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.journal")
