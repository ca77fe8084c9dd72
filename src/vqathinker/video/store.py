"""The clip store: read access to shards of decoded clips (memory-mapped safetensors files).

Clips are decoded once; training and evaluation never open a video. `shard_file` describes the
format.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import safe_open

from vqathinker.errors import InputError, reading
from vqathinker.products import CLIPS
from vqathinker.video.damage import Failure
from vqathinker.video.shard_file import METADATA_KEY, write_shard_file


def write_shard(
    path: Path,
    ids: Sequence[str],
    frames: torch.Tensor,
    indices: torch.Tensor,
    failures: Mapping[str, Failure],
    setting: str,
    provenance: Mapping[str, Any],
    statistics: torch.Tensor | None = None,
) -> None:
    """Write clips from memory, as `write_shard_file`; the times of frames are their indices."""
    tables = {"seconds": np.asarray(indices), "indices": np.asarray(indices)}
    if statistics is not None:
        tables["statistics"] = np.asarray(statistics)
    pieces = [np.asarray(frames, np.uint8).tobytes()]
    write_shard_file(path, ids, tables, pieces, failures, setting, provenance)


class Clips(NamedTuple):
    """Decoded clips."""

    pixels: torch.Tensor  # (clips,T,3,height,width) uint8, RGB 0..255
    statistics: torch.Tensor | None = None  # (clips,T,66) of the native frames, in view tiles

    @classmethod
    def concatenate(cls, parts: Sequence["Clips"], dim: int = 0) -> "Clips":
        """Join clips of one setting (dimension 0), or their frames (dimension 1)."""
        statistics = [part.statistics for part in parts if part.statistics is not None]
        return cls(
            torch.cat([part.pixels for part in parts], dim),
            torch.cat(statistics, dim) if statistics else None,
        )

    def select(self, clip: int, frames: slice) -> "Clips":
        """Some frames of one of the clips."""
        statistics = None if self.statistics is None else self.statistics[clip, frames][None]
        return Clips(self.pixels[clip, frames][None], statistics)


class ClipStore:
    """Read access to the clips of one or several shards with the same setting.

    Attributes:
        ids: ids of all clips, shard by shard in the order of `paths`.
        failures: why videos could not be decoded, by id.
        setting: the setting of all shards.
        provenance: provenance of each shard, by path.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Open the shards; pixels are read on demand.

        Raises:
            InputError: no path, a file that is not a shard, an id in two shards, or shards with
                different settings or readers.
        """
        self.failures: dict[str, Failure] = {}
        self.provenance: dict[str, Any] = {}
        self.setting = ""
        # Frames and statistics of an open shard, and a row.
        self._rows: dict[str, tuple[Any, Any, int]] = {}
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
        """Copy the frames of one clip, (T,3,height,width). Raises KeyError like `batch`."""
        return self.batch([video]).pixels[0]

    def batch(self, videos: Sequence[str]) -> Clips:
        """Copy several clips.

        Raises KeyError, with the reason, if the store has no such clip.
        """
        rows = [self._row(video) for video in videos]
        pixels = torch.stack([torch.as_tensor(frames[row]) for frames, _, row in rows])
        statistics = [torch.as_tensor(found[row]) for _, found, row in rows if found is not None]
        return Clips(pixels, torch.stack(statistics) if statistics else None)

    def _row(self, video: str) -> tuple[Any, Any, int]:
        if video not in self._rows:
            failure = self.failures.get(video)
            reason = failure.reason if failure else "none of the open shards contains it"
            raise KeyError(f"no clip of video {video!r}: {reason}")
        return self._rows[video]

    def _open_shard(self, path: Path) -> None:
        with reading(path, *CLIPS):
            file = safe_open(path, framework="pt")
            header = json.loads((file.metadata() or {})[METADATA_KEY])
            failures = {video: Failure(*failure) for video, failure in header["failures"].items()}
            frames, statistics = file.get_slice("frames"), None
            if "statistics" in file.keys():  # noqa: SIM118  safetensors has no __contains__
                statistics = file.get_slice("statistics")
        if self.setting and header["setting"] != self.setting:
            raise InputError(
                f"{path}: setting is {header['setting']}, that of the previous shards is "
                f"{self.setting}; open shards of one setting only"
            )
        reader = header["provenance"].get("reader")
        for before, other in self.provenance.items():
            if other.get("reader") != reader:
                raise InputError(
                    f"{path}: was decoded with {reader}, but {before} with {other.get('reader')}; "
                    "their frames may differ. Delete one and decode it again (vqathinker decode)"
                )
        self.setting = header["setting"]
        self.failures |= failures
        self.provenance[str(path)] = header["provenance"]
        for row, video in enumerate(header["ids"]):
            if video in self._rows:
                raise InputError(f"{path}: video {video!r} is also in a previous shard")
            self._rows[video] = frames, statistics, row
