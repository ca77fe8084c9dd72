"""The clip store: decoded frames of a shard of videos in one memory-mapped safetensors file.

A clip is decoded once, lossless, and training and evaluation never open a video. `shard_file` says
what a file holds.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from vqathinker.errors import InputError, reading
from vqathinker.products import CLIPS
from vqathinker.video.damage import Failure
from vqathinker.video.sampling import parse_setting
from vqathinker.video.shard_file import METADATA_KEY, write_shard_file

__all__ = ["ClipStore", "write_shard"]


def write_shard(
    path: Path,
    ids: Sequence[str],
    frames: torch.Tensor,
    indices: torch.Tensor,
    failures: Mapping[str, Failure],
    setting: str,
    provenance: Mapping[str, Any],
    seconds: torch.Tensor | None = None,
) -> None:
    """Write clips that are in memory as one shard; `shard.decode_shard` writes those of videos.

    Args:
        path: the file; its folder is made.
        ids: N video ids, one per row of `frames`.
        frames: (N,T,3,S,S) uint8, RGB 0..255.
        indices: (N,T), the index in its video of every frame.
        failures: why each video that could not be decoded could not; none of them in `ids`.
        setting: "TxS", for example 6x448.
        provenance: how the frames came about; anything that JSON holds.
        seconds: (N,T), when every frame is shown; None: one frame a second.

    Raises:
        ValueError: shapes, types or ids do not fit together.
    """
    shape = parse_setting(setting)
    expected = (len(ids), shape.frames, 3, shape.size, shape.size)
    if tuple(frames.shape) != expected or frames.dtype != torch.uint8:
        found = f"{tuple(frames.shape)} {frames.dtype}"
        raise InputError(f"{path}: frames are {found}, expected {expected} torch.uint8")
    shown_at = indices if seconds is None else seconds
    write_shard_file(
        path,
        ids,
        shown_at.to(torch.float64).numpy(),
        indices.to(torch.int32).numpy(),
        lambda file: file.write(frames.contiguous().numpy().tobytes()),
        failures,
        setting,
        provenance,
    )


@dataclass(frozen=True, slots=True)
class _ClipLocation:
    """Where a clip lies: the open shard's slices and the row in it."""

    frames: Any
    indices: Any
    seconds: Any
    row: int


class ClipStore:
    """Read access to the clips of one or several shards of one setting.

    Attributes:
        ids: ids of all clips, shard after shard in the order of `paths`.
        failures: why each video that could not be decoded could not, by id.
        setting: "TxS" of all shards.
        provenance: path and provenance of each shard.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Open the shards; pixels are only read when asked for.

        Raises:
            InputError: no path, a file that is no shard, two settings, an id in two shards, or
                shards that other code or another reader made than the shards before them.
        """
        self.failures: dict[str, Failure] = {}
        self.provenance: dict[str, Any] = {}
        self.setting = ""
        self._rows: dict[str, _ClipLocation] = {}
        for path in paths:
            self._open_shard(Path(path))
        if not self.setting:
            raise InputError("no shard given: decode the set first (vqathinker decode)")
        self.ids: list[str] = list(self._rows)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, video: object) -> bool:
        return video in self._rows

    def frames(self, video: str) -> torch.Tensor:
        """Frames of one clip: (T,3,S,S) uint8, RGB 0..255, a copy.

        Raises KeyError, with the reason, when the store has no clip of that id.
        """
        location = self._locate(video)
        return torch.as_tensor(location.frames[location.row]).clone()

    def batch(self, videos: Sequence[str]) -> torch.Tensor:
        """Frames of several clips: (B,T,3,S,S) uint8. Raises KeyError as `frames`."""
        return torch.stack([self.frames(video) for video in videos])

    def indices(self, video: str) -> list[int]:
        """Index in the video of each of the T frames. Raises KeyError as `frames`."""
        location = self._locate(video)
        return [int(index) for index in location.indices[location.row]]

    def seconds(self, video: str) -> list[float]:
        """Seconds from the video's first frame to each of the T frames. Raises KeyError."""
        location = self._locate(video)
        return [float(second) for second in location.seconds[location.row]]

    def _open_shard(self, path: Path) -> None:
        with reading(path, *CLIPS):
            file = safe_open(path, framework="pt")
            header = json.loads((file.metadata() or {})[METADATA_KEY])
            failures = {video: Failure(*failure) for video, failure in header["failures"].items()}
            frames, indices, seconds = map(file.get_slice, ("frames", "indices", "seconds"))
        if self.setting and header["setting"] != self.setting:
            raise InputError(
                f"{path}: clips of setting {header['setting']}, the shards before it of "
                f"{self.setting}; open one setting at a time"
            )
        self._require_same_making(path, header["provenance"])
        self.setting = header["setting"]
        self.failures |= failures
        self.provenance[str(path)] = header["provenance"]
        for row, video in enumerate(header["ids"]):
            if video in self._rows:
                raise InputError(f"{path}: video {video!r} is also in a shard before it")
            self._rows[video] = _ClipLocation(frames, indices, seconds, row)

    def _require_same_making(self, path: Path, provenance: Mapping[str, Any]) -> None:
        for before, made in self.provenance.items():
            if made.get("reader") != provenance.get("reader"):
                raise InputError(
                    f"{path}: was decoded by another reader ({provenance.get('reader')}) than "
                    f"{before} ({made.get('reader')}), and so may be other frames; delete it and "
                    "decode it again (vqathinker decode)"
                )

    def _locate(self, video: str) -> _ClipLocation:
        location = self._rows.get(video)
        if location is None:
            failure = self.failures.get(video)
            reason = failure.reason if failure else "it is in none of the shards that were opened"
            raise KeyError(f"no clip of video {video!r}: {reason}")
        return location
