"""What is known about a file before it comes."""

from dataclasses import dataclass

from vqathinker.acquisition.transfer.checksum import Checksum

__all__ = ["ExpectedFile"]


@dataclass(frozen=True)
class ExpectedFile:
    """A file's name, and size and checksum where they are published.

    Args:
        name: of the file among all others, for messages and for the mirror folder:
            "konvid_1k/KoNViD_1k_videos.zip".
        size: in bytes; None when not published.
        checksum: None when not published.
        is_binary: whether it is an archive or a video, which no text or document can be.
    """

    name: str
    size: int | None = None
    checksum: Checksum | None = None
    is_binary: bool = False
