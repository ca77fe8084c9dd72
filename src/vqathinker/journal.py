"""A journal of finished work next to a result, with which an interrupted job resumes.

It is a hidden file, `.NAME.journal`. The first line describes the job, and each further line is one
entry in JSON. An incomplete last line is dropped, and the journal of another job is renamed. A
resumed job does only the work that has no entry and writes the same bytes.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from vqathinker.atomic import whole_file
from vqathinker.phases.locks import lock_path, single_writer


@dataclass(frozen=True)
class Journal:
    """The entries of one job, in the order of their addition."""

    entries: list[Any]
    _path: Path
    _file: TextIO

    def add(self, entry: Any) -> None:
        """Write an entry to disk."""
        self.entries.append(entry)
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def remove(self) -> None:
        """Delete the journal after the result is complete."""
        self._path.unlink()


@contextmanager
def open_journal(output: Path, key: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of the file `output`, with the entries of an interrupted run.

    Only one process may open it, because jobs of a killed workflow can still be running.

    Args:
        output: the result.
        key: everything that the result depends on. A journal with another key is renamed to
            `.NAME.journal.before`.

    Raises:
        LockedError: another process writes the same file.
    """
    path = _journal_path(output)
    head = json.dumps(key, sort_keys=True)
    with single_writer(output, lock_path(output), "writes this file"):
        if path.is_file() and not path.read_text(encoding="utf-8").startswith(f"{head}\n"):
            path.replace(path.with_suffix(".journal.before"))
        entries = read_entries(output)
        with whole_file(path) as part:
            text = "".join(f"{line}\n" for line in [head, *map(json.dumps, entries)])
            part.write_text(text, encoding="utf-8")
        with path.open("a", encoding="utf-8") as file:
            yield Journal(entries, path, file)


def read_entries(output: Path) -> list[Any]:
    """The entries of the journal of `output` with any key, without locking it."""
    path = _journal_path(output)
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[1:-1]]  # the last line is empty or incomplete


def _journal_path(output: Path) -> Path:
    return output.with_name(f".{output.name}.journal")
