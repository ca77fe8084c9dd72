"""The folder of uploads, which are deleted once they are scored.

Gradio names an upload by its content, so two people who upload the same clip share a file. Uploads
are therefore counted, and the file is deleted with the last of them. Uploads that are never scored
are deleted by age.
"""

import atexit
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_KEPT_S = 1800.0  # longer than a full queue waits
_SWEEP_EVERY_S = 60.0


class UploadFolder:
    """A private temporary folder, removed at exit.

    Attributes:
        path: the folder; other users may not enter it.
        most_bytes: how much it may hold.
    """

    def __init__(self, most_bytes: int) -> None:
        """Make the folder, and start a thread that removes old uploads."""
        self.path = Path(tempfile.mkdtemp(prefix="vqathinker-"))
        self.most_bytes = most_bytes
        self._lock = threading.Lock()
        self._arrivals: Counter[Path] = Counter()
        self._closed = threading.Event()
        threading.Thread(target=self._sweep_regularly, daemon=True).start()
        atexit.register(self.close)

    def close(self) -> None:
        """Remove the folder and its content; may be called again."""
        self._closed.set()
        shutil.rmtree(self.path, ignore_errors=True)

    def has_room_for(self, size: int) -> bool:
        """Whether the folder may hold that many bytes more."""
        total = 0
        for file in self._files():
            with suppress(FileNotFoundError):
                total += file.stat().st_size
        return total + size <= self.most_bytes

    def arrived(self, paths: Iterable[Path]) -> None:
        """Count complete uploads; each will be scored once."""
        with self._lock:
            self._arrivals.update(paths)

    @contextmanager
    def taken(self, upload: Path) -> Iterator[Path]:
        """Yield an upload to score; it is deleted afterwards.

        Raises:
            FileNotFoundError: there is no such file in this folder, or no more.
        """
        if self.path not in upload.resolve().parents or not upload.is_file():
            raise FileNotFoundError(f"{upload.name}: no upload")
        try:
            yield upload
        finally:
            with self._lock:
                self._arrivals[upload] -= 1
                if self._arrivals[upload] <= 0:
                    self._remove(upload)

    def sweep(self, kept_s: float = _KEPT_S) -> None:
        """Remove what arrived more than `kept_s` seconds ago, complete or not."""
        oldest = time.time() - kept_s
        for file in self._files():
            with suppress(FileNotFoundError), self._lock:
                if file.stat().st_mtime < oldest:
                    self._remove(file)

    def _remove(self, file: Path) -> None:
        del self._arrivals[file]
        file.unlink(missing_ok=True)
        if file.parent != self.path:
            with suppress(OSError):  # another file is in it
                file.parent.rmdir()

    def _files(self) -> list[Path]:
        return [Path(folder, name) for folder, _, names in os.walk(self.path) for name in names]

    def _sweep_regularly(self) -> None:
        while not self._closed.wait(_SWEEP_EVERY_S):
            self.sweep()
