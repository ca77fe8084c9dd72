"""A file from a local folder: the mirror of machines without internet, or what a person has put."""

from dataclasses import dataclass
from pathlib import Path

from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.disk import require_space
from vqathinker.acquisition.transfer.errors import GoneError, OriginError
from vqathinker.acquisition.transfer.partial import PartialFile
from vqathinker.acquisition.transfer.progress import ReportProgress

__all__ = ["FolderFile"]


@dataclass(frozen=True)
class FolderFile:
    """A file of a local folder; it is copied, so that the folder may change or go away."""

    path: Path

    def fetch(self, part: PartialFile, context: DownloadContext, report: ReportProgress) -> None:
        """Bring `part` to its end; see `WebFile.fetch`."""
        del context
        try:
            with self.path.open("rb") as file:
                size = self.path.stat().st_size
                if part.expected.size not in (None, size):
                    raise OriginError(f"has {size:,} bytes, expected {part.expected.size:,}")
                part.restart(str(self), None, size)
                require_space(part.path, size)
                while chunk := file.read(1 << 20):
                    part.append(chunk)
                    report(part.size, size)
        except FileNotFoundError:
            raise GoneError("no such file") from None
        except (IsADirectoryError, PermissionError) as error:
            raise OriginError(f"cannot be read: {error.strerror}") from None

    def __str__(self) -> str:
        return str(self.path)
