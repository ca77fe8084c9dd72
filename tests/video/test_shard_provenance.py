"""A shard says how it was made, and a reader that is not there is one line."""

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pandas as pd
import pytest

from vqathinker.video.limits import Limits
from vqathinker.video.shard import ReaderMissingError, decode_shard
from vqathinker.video.store import ClipStore

SETTING = "6x32"
LIMITS = Limits(timeout_s=3600, memory_mb=2000)


def rows_of(video: Path) -> pd.DataFrame:
    return pd.DataFrame(
        {"video": [video.name], "file": [str(video)], "frames": [40], "status": ["ok"]}
    )


def test_the_shard_says_how_it_was_made(mp4: Path, tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="decord is built for Linux on x86-64 only")
    out = tmp_path / "0000"
    decode_shard(rows_of(mp4), Path(), SETTING, out, LIMITS, "decord", provenance={"seed": 1})
    made = ClipStore([out]).provenance[str(out)]
    assert made["reader"] == "decord"
    assert made["seed"] == 1
    assert {"av", "decord", "torch"} <= made.keys()
    json.dumps(made)


def test_only_the_reader_that_decoded_is_recorded(mp4: Path, tmp_path: Path) -> None:
    out = tmp_path / "0000.safetensors"
    decode_shard(rows_of(mp4), Path(), SETTING, out, LIMITS)
    (made,) = ClipStore([out]).provenance.values()
    assert made.keys() == {"reader", "av", "torch"}


def test_without_decord_pyav_decodes_and_decord_is_one_line(
    mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody builds decord for ARM."""

    def version(name: str) -> str:
        if name == "decord":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr("vqathinker.video.shard.version", version)
    decode_shard(rows_of(mp4), Path(), SETTING, tmp_path / "pyav.safetensors", LIMITS)
    with pytest.raises(ReaderMissingError, match=r"clips\.reader is decord, .* take pyav"):
        decode_shard(
            rows_of(mp4), Path(), SETTING, tmp_path / "decord.safetensors", LIMITS, "decord"
        )
