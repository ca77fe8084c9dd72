"""A file from a local mirror folder, for machines without internet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vqathinker.acquisition.transfer.disk import require_space
from vqathinker.acquisition.transfer.failure import GoneError, OriginError
from vqathinker.acquisition.transfer.partial import PartialFile
from vqathinker.acquisition.transfer.patience import Patience

__all__ = ["FolderFile"]


@dataclass(frozen=True)
class FolderFile:
    """A file of a mirror folder; it is copied, so that the mirror may change or go away."""

    path: Path

    def fetch(
        self, part: PartialFile, patience: Patience, show: Callable[[int, int | None], None]
    ) -> None:
        """Bring `part` to its end; see `WebFile.fetch`."""
        del patience
        try:
            with self.path.open("rb") as file:
                size = self.path.stat().st_size
                if part.wanted.size not in (None, size):
                    raise OriginError(f"has {size:,} bytes, expected {part.wanted.size:,}")
                part.start(str(self), None, size)
                require_space(part.path, size)
                while chunk := file.read(1 << 20):
                    part.append(chunk)
                    show(part.size, size)
        except FileNotFoundError:
            raise GoneError("no such file") from None
        except (IsADirectoryError, PermissionError) as error:
            raise OriginError(f"cannot be read: {error.strerror}") from None

    def __str__(self) -> str:
        return str(self.path)
