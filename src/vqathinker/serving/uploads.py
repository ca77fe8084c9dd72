"""The folder of uploads, which deletes them once they are scored.

Gradio names an upload after the hash of its content, so two people who upload the same clip share
one file. Uploads are therefore counted, and the file is deleted after the last one is scored. An
upload that is never scored is deleted by age.
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

_MAX_AGE_S = 1800.0  # longer than clips wait in a full queue
_SWEEP_INTERVAL_S = 60.0


class UploadFolder:
    """A private temporary folder that is deleted at exit.

    Attributes:
        path: path of the folder, which other users cannot read.
        max_bytes: maximum size of its content.
    """

    def __init__(self, max_bytes: int) -> None:
        """Create the folder, and start a thread that deletes old uploads."""
        self.path = Path(tempfile.mkdtemp(prefix="vqathinker-"))
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._counts: Counter[Path] = Counter()
        self._closed = threading.Event()
        threading.Thread(target=self._sweep_regularly, daemon=True).start()
        atexit.register(self.close)

    def close(self) -> None:
        """Delete the folder and its content; further calls do nothing."""
        self._closed.set()
        shutil.rmtree(self.path, ignore_errors=True)

    def has_space_for(self, size: int) -> bool:
        """Whether the folder can take that many more bytes."""
        total = 0
        for file in self._files():
            with suppress(FileNotFoundError):
                total += file.stat().st_size
        return total + size <= self.max_bytes

    def add(self, paths: Iterable[Path]) -> None:
        """Count complete uploads, each of which will be scored once."""
        with self._lock:
            self._counts.update(paths)

    @contextmanager
    def take(self, upload: Path) -> Iterator[Path]:
        """Yield an upload to score, and delete it afterwards.

        Raises:
            FileNotFoundError: the file is not in this folder, or was deleted.
        """
        if self.path not in upload.resolve().parents or not upload.is_file():
            raise FileNotFoundError(f"{upload.name}: not an upload")
        try:
            yield upload
        finally:
            with self._lock:
                self._counts[upload] -= 1
                if self._counts[upload] <= 0:
                    self._remove(upload)

    def sweep(self) -> None:
        """Delete uploads that are older than half an hour, complete or not."""
        oldest = time.time() - _MAX_AGE_S
        for file in self._files():
            with suppress(FileNotFoundError), self._lock:
                if file.stat().st_mtime < oldest:
                    self._remove(file)

    def _remove(self, file: Path) -> None:
        del self._counts[file]
        file.unlink(missing_ok=True)
        if file.parent != self.path:
            with suppress(OSError):  # the folder holds another file
                file.parent.rmdir()

    def _files(self) -> list[Path]:
        return [Path(folder, name) for folder, _, names in os.walk(self.path) for name in names]

    def _sweep_regularly(self) -> None:
        while not self._closed.wait(_SWEEP_INTERVAL_S):
            self.sweep()
