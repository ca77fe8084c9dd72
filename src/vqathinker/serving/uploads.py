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
_OWN = "own"  # the folder of files that are being scored


class UploadFolder:
    """A private temporary folder, removed at exit.

    Attributes:
        path: the folder; nobody else may enter it.
        most_bytes: that may lie in it.
    """

    def __init__(self, most_bytes: int) -> None:
        """Make the folder and begin to look after it."""
        self.path = Path(tempfile.mkdtemp(prefix="vqathinker-"))
        self.most_bytes = most_bytes
        self._own = self.path / _OWN
        self._own.mkdir()
        self._lock = threading.Lock()
        self._arrivals: Counter[Path] = Counter()
        self._closed = threading.Event()
        threading.Thread(target=self._sweep_now_and_then, daemon=True).start()
        atexit.register(self.close)

    def close(self) -> None:
        """Remove the folder with all that is in it; may be called again."""
        self._closed.set()
        shutil.rmtree(self.path, ignore_errors=True)

    def has_room_for(self, size: int) -> bool:
        """Whether so many bytes more may lie here."""
        return self._bytes() + size <= self.most_bytes

    def arrived(self, paths: Iterable[Path]) -> None:
        """Uploads are whole, and each will be asked about once."""
        with self._lock:
            self._arrivals.update(paths)

    @contextmanager
    def taken(self, upload: Path) -> Iterator[Path]:
        """An upload under a name that its sender did not choose; gone afterwards.

        Raises FileNotFoundError: it is not here, or no more.
        """
        own = self._own / f"{threading.get_ident()}-{time.monotonic_ns()}"
        if self.path not in upload.resolve().parents:
            raise FileNotFoundError(f"{upload.name}: no upload")
        try:
            os.link(upload, own, follow_symlinks=False)
            yield own
        finally:
            own.unlink(missing_ok=True)
            self._release(upload)

    def sweep(self, kept_s: float = _KEPT_S) -> None:
        """Remove what arrived longer ago and was not asked about, whole or not."""
        oldest = time.time() - kept_s
        for file in self._files():
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < oldest and file.parent != self._own:
                    with self._lock:
                        self._arrivals.pop(file, None)
                    _remove(file, self.path)

    def _release(self, upload: Path) -> None:
        with self._lock:
            self._arrivals[upload] -= 1
            if self._arrivals[upload] > 0:
                return
            del self._arrivals[upload]
            _remove(upload, self.path)

    def _bytes(self) -> int:
        total = 0
        for file in self._files():
            with suppress(FileNotFoundError):
                total += file.stat().st_size
        return total

    def _files(self) -> list[Path]:
        return [Path(folder, name) for folder, _, names in os.walk(self.path) for name in names]

    def _sweep_now_and_then(self) -> None:
        while not self._closed.wait(_SWEEP_EVERY_S):
            self.sweep()


def _remove(file: Path, root: Path) -> None:
    file.unlink(missing_ok=True)
    if file.parent != root:
        with suppress(OSError):  # another file lies in it
            file.parent.rmdir()
