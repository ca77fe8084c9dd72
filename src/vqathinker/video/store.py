"""The clip store: read access to shards of decoded clips (memory-mapped safetensors files).

Clips are decoded once; training and evaluation never open a video. `shard_file` describes the
format.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

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
    seconds: torch.Tensor | None = None,
) -> None:
    """Write clips from memory, (N,T,3,S,S) uint8; without `seconds`, times are `indices`."""
    times = np.asarray(indices if seconds is None else seconds, np.float64)
    pieces = [np.asarray(frames, np.uint8).tobytes()]
    places = np.asarray(indices, np.int32)
    write_shard_file(path, ids, times, places, pieces, failures, setting, provenance)


class ClipStore:
    """Read access to the clips of one or several shards with the same setting.

    Attributes:
        ids: ids of all clips, shard by shard in the order of `paths`.
        failures: why videos could not be decoded, by id.
        setting: "TxS" of all shards.
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
        self._rows: dict[str, tuple[Any, int]] = {}  # frames of an open shard, and a row
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
        """Copy the frames of one clip: (T,3,S,S) uint8, RGB 0..255.

        Raises KeyError, with the reason, if the store has no such clip.
        """
        if video not in self._rows:
            failure = self.failures.get(video)
            reason = failure.reason if failure else "none of the open shards contains it"
            raise KeyError(f"no clip of video {video!r}: {reason}")
        frames, row = self._rows[video]
        return torch.as_tensor(frames[row]).clone()

    def batch(self, videos: Sequence[str]) -> torch.Tensor:
        """Copy the frames of several clips: (B,T,3,S,S) uint8. Raises KeyError like `frames`."""
        return torch.stack([self.frames(video) for video in videos])

    def _open_shard(self, path: Path) -> None:
        with reading(path, *CLIPS):
            file = safe_open(path, framework="pt")
            header = json.loads((file.metadata() or {})[METADATA_KEY])
            failures = {video: Failure(*failure) for video, failure in header["failures"].items()}
            frames = file.get_slice("frames")
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
            self._rows[video] = frames, row
