"""Which members of an archive are unpacked already, so that a killed unpacking goes on.

One line for each file beside the archive, in `X.unpacked`: its size and time as the disk has them,
and its path. A file that has changed since does not count as unpacked.
"""

import os
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

__all__ = ["UnpackJournal"]


class UnpackJournal:
    """Lines of `path`, read at the start and written one by one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unpacked: dict[str, tuple[int, int]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                size, time, name = [*line.split("\t", 2), "", ""][:3]
                if size.isdecimal() and time.isdecimal():  # a killed process leaves half a line
                    self._unpacked[name] = int(size), int(time)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        if self._file.tell():
            self._file.write("\n")

    def contains(self, path: PurePosixPath, found: os.stat_result) -> bool:
        """Whether the file that `found` describes is as it was when it was unpacked."""
        return self._unpacked.get(str(path)) == (found.st_size, found.st_mtime_ns)

    def add(self, path: PurePosixPath, written: os.stat_result) -> None:
        """Note that a file is in place."""
        self._unpacked[str(path)] = written.st_size, written.st_mtime_ns
        self._file.write(f"{written.st_size}\t{written.st_mtime_ns}\t{path}\n")

    def finish(self) -> None:
        """Everything is unpacked: the journal is not needed any more."""
        self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
