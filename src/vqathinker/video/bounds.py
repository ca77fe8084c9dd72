"""How large a clip of a stranger may be: what a scorer that anybody may ask takes on."""

from dataclasses import dataclass
from pathlib import Path

from vqathinker.errors import InputError
from vqathinker.video.probe import Probe

__all__ = ["BoundsError", "ClipBounds"]

_MB = 1_000_000


class BoundsError(InputError):
    """A clip is larger or longer than is taken; the message names no path."""


@dataclass(frozen=True, slots=True)
class ClipBounds:
    """The largest clip that is taken; a larger one may be healthy.

    Attributes:
        megabytes: of the file, 10^6 bytes each.
        seconds: from its first frame to the end of its last.
        pixels: of a frame, width times height; the default is 4K as cinemas have it.
    """

    megabytes: float = 200
    seconds: float = 300
    pixels: int = 4096 * 2304

    @property
    def file_bytes(self) -> int:
        """Bytes of the largest file."""
        return int(self.megabytes * _MB)

    def require_file(self, path: Path) -> None:
        """Raises BoundsError for a file of too many bytes, and OSError."""
        size = path.stat().st_size
        if size > self.file_bytes:
            raise BoundsError(
                f"a file of {size / _MB:.0f} MB, at most {self.megabytes:g} MB are taken: cut the "
                "clip, or ask on a computer of your own with `vqathinker score`"
            )

    def require_shown(self, facts: Probe) -> None:
        """Raises BoundsError for a clip that is too long, or whose frames are too large."""
        if facts.duration_s > self.seconds:
            raise BoundsError(
                f"a clip of {facts.duration_s:.0f} s, at most {self.seconds:g} s are taken: cut it"
            )
        if facts.width * facts.height > self.pixels:
            raise BoundsError(
                f"frames of {facts.width}x{facts.height} pixels, at most {self.pixels} pixels are "
                "taken: make them smaller"
            )
