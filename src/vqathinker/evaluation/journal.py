"""Batches of predictions that are through, kept beside the file until it is whole.

One hidden file, `.NAME.journal`, as `video.journal` keeps for clips: its first line says what is
being made, every other one holds, in JSON, the rows of a batch. A half line, or a file of another
job, counts for nothing. Whole batches are kept, so that a killed job ends in the same bytes. One
process keeps it at a time: a killed run can leave its jobs alive, and the next one asks the same.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vqathinker.errors import InputError
from vqathinker.phases.one_writer import HeldError, lock_of, only_writer

Batch = list[dict[str, Any]]


class PredictionJournal:
    """The batches of one file of predictions that are through.

    Attributes:
        batches: rows of each, in order, as far as they are known.
    """

    def __init__(self, out: Path, key: Mapping[str, Any]) -> None:
        """Find what an earlier try at the file `out` left, or begin anew.

        Args:
            key: all that the rows depend on; what was left under another key is put aside as
                `.NAME.journal.before`.

        Raises:
            InputError: another process writes the same file.
        """
        self._alone = ExitStack()
        try:
            self._alone.enter_context(only_writer(out, lock_of(out), "writes this file"))
        except HeldError as error:
            raise InputError(str(error)) from None
        self._path = out.with_name(f".{out.name}.journal")
        self._key = json.dumps(key, sort_keys=True)
        self.batches: list[Batch] = self._read()
        fresh = self._path.with_suffix(".fresh")
        lines = [self._key, *map(json.dumps, self.batches)]
        fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        fresh.replace(self._path)
        self._file = self._path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._alone.close()

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write down that the next batch is through."""
        self.batches.append(list(rows))
        self._file.write(json.dumps(self.batches[-1]) + "\n")
        self._file.flush()

    def remove(self) -> None:
        """Delete the journal: the file of predictions is whole."""
        self._path.unlink()

    def _read(self) -> list[Batch]:
        if not self._path.is_file():
            return []
        key, *lines = self._path.read_text(encoding="utf-8").split("\n")
        if key != self._key:
            self._path.replace(self._path.with_suffix(".journal.before"))
            return []
        return [json.loads(line) for line in lines[:-1]]  # behind the last break: half a line
