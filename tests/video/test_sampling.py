"""Frame sampling: the authors' indices, and parsing of settings."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.errors import InputError
from vqathinker.video.sampling import ClipSetting, frame_indices, parse_setting

# Golden values: `get_index` of the authors' code at ee47a40, in frames.json.
GOLDENS = Path(os.environ["VQATHINKER_GOLDENS"])


def golden_cases() -> list[dict[str, Any]]:
    return json.loads((GOLDENS / "frames.json").read_text())


@pytest.mark.parametrize(
    "case", golden_cases(), ids=lambda case: f"{case['num_frames']}-{case['num_segments']}"
)
def test_indices_equal_authors(case: dict[str, Any]) -> None:
    assert frame_indices(case["num_frames"], case["num_segments"]) == case["indices"]


@given(frames=st.integers(1, 5000), segments=st.integers(1, 64))
def test_indices_are_sorted_and_in_range(frames: int, segments: int) -> None:
    indices = frame_indices(frames, segments)
    assert len(indices) == segments
    assert indices == sorted(indices)
    assert indices[0] >= 0
    assert indices[-1] < frames


def test_zero_frames_raise() -> None:
    with pytest.raises(InputError):
        frame_indices(0, 6)


@pytest.mark.parametrize(
    "name", ["", "6x", "0x448", "6x448x3", "6 x 448", "6x112-tiles", "6x112-tiles0", "6x112-4"]
)
def test_invalid_setting_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}'.*6x448.*6x112-tiles4"):
        parse_setting(name)


@given(st.integers(1, 99), st.integers(1, 999), st.integers(0, 99))
def test_name_of_a_setting_gives_it_back(frames: int, size: int, tiles: int) -> None:
    setting = ClipSetting(frames, size, tiles)
    assert parse_setting(str(setting)) == setting
