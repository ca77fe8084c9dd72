"""Which members of an archive are unpacked already, so that a killed unpacking goes on.

One line for each file beside the archive, in `X.unpacked`: its size and time as the disk has them,
and its path. A file that has changed since does not count as unpacked.
"""

import os
from io import FileIO
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from filelock import lock_descriptor

from vqathinker.acquisition.transfer.disk import disk_full_error
from vqathinker.acquisition.transfer.errors import BusyError

__all__ = ["UnpackJournal"]


class UnpackJournal:
    """Lines of `path`, read at the start and written one by one, by one process at a time.

    Raises:
        BusyError: another process is unpacking the same archive.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open_locked()
        self._unpacked: dict[str, tuple[int, int]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                size, time, name = [*line.split("\t", 2), "", ""][:3]
                if size.isdecimal() and time.isdecimal():  # a killed process leaves half a line
                    self._unpacked[name] = int(size), int(time)
        if self._file.tell():
            self._write("\n")

    def contains(self, path: PurePosixPath, found: os.stat_result) -> bool:
        """Whether the file that `found` describes is as it was when it was unpacked."""
        return self._unpacked.get(str(path)) == (found.st_size, found.st_mtime_ns)

    def add(self, path: PurePosixPath, written: os.stat_result) -> None:
        """Note that a file is in place."""
        self._unpacked[str(path)] = written.st_size, written.st_mtime_ns
        self._write(f"{written.st_size}\t{written.st_mtime_ns}\t{path}\n")

    def finish(self) -> None:
        """Everything is unpacked: the journal is not needed any more."""
        self._path.unlink(missing_ok=True)

    def _write(self, text: str) -> None:
        try:
            self._file.write(text.encode())
        except OSError as error:
            raise disk_full_error(error, self._path, None) or error from None

    def _open_locked(self) -> FileIO:
        file = self._path.open("ab", buffering=0)
        try:
            locked = lock_descriptor(file.fileno(), blocking=False)
            # Who was at it may have finished between these lines, and removed the journal.
            locked = locked and os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            locked = False
        except OSError:
            locked = True  # a file system without locks
        if not locked:
            file.close()
            raise BusyError(f"{self._path}: another process is unpacking this archive; wait for it")
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
