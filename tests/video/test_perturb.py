"""Temporal perturbations: properties and frequencies of each kind, and the table of draws."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.errors import InputError
from vqathinker.params import PerturbationParams
from vqathinker.video.perturb import (
    KINDS,
    Perturbation,
    PerturbationTable,
    draw_each_kind,
    draw_perturbation,
    draw_perturbations,
    write_perturbations,
)

# docs/method.md, section 4.
PAPER: dict[str, Any] = {"window": 4, "jitter": 1, "duplicate_max": 3, "drop_max": 3}

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(1, 24)


def params(**changes: Any) -> PerturbationParams:
    return PerturbationParams(**({"kinds": list(KINDS), "draws": 8} | PAPER | changes))


def drawn(kind: str, frames: int, seed: int, **extent: int) -> Perturbation:
    return draw_perturbation(frames, np.random.default_rng(seed), [kind], params(**extent))


@given(kind=st.sampled_from(KINDS), frames=lengths, seed=seeds)
def test_every_kind_keeps_length_and_range(kind: str, frames: int, seed: int) -> None:
    found = drawn(kind, frames, seed)
    assert found.kind == kind
    assert len(found.indices) == len(found.blank) == frames
    assert all(0 <= index < frames for index in found.indices)
    assert any(found.blank) == (kind == "random_drop")


@given(frames=lengths, seed=seeds, window=st.integers(2, 8))
def test_shuffles_permute_clip_or_windows(frames: int, seed: int, window: int) -> None:
    assert sorted(drawn("shuffle", frames, seed).indices) == list(range(frames))
    indices = drawn("local_shuffle", frames, seed, window=window).indices
    for start in range(0, frames, window):
        inside = indices[start : start + window]
        assert sorted(inside) == list(range(start, min(start + window, frames)))


@given(frames=lengths, seed=seeds, most=st.integers(1, 3))
def test_reverse_and_jitter(frames: int, seed: int, most: int) -> None:
    assert drawn("reverse", frames, seed).indices == tuple(reversed(range(frames)))
    indices = drawn("jitter", frames, seed, jitter=most).indices
    assert all(abs(index - place) <= most for place, index in enumerate(indices))


@given(frames=st.integers(2, 24), seed=seeds)
def test_duplicate_inserts_one_to_three_copies_at_one_position(frames: int, seed: int) -> None:
    indices = drawn("duplicate", frames, seed).indices
    assert any(
        len(set(indices[place : place + count])) == 1
        and is_rising(indices[:place] + indices[place + count :])
        for count in range(1, min(3, frames - 1) + 1)
        for place in range(frames - count + 1)
    )


def is_rising(indices: tuple[int, ...]) -> bool:
    return all(one < other for one, other in pairwise(indices))


@given(frames=lengths, seed=seeds)
def test_random_drop_blanks_one_to_three_frames(frames: int, seed: int) -> None:
    found = drawn("random_drop", frames, seed)
    assert found.indices == tuple(range(frames))
    assert 1 <= sum(found.blank) <= min(3, frames)


@pytest.mark.parametrize(
    ("kinds", "outcome", "expected"),
    [
        (KINDS, lambda found: found.kind, set(KINDS)),
        (["random_drop"], lambda found: sum(found.blank), {1, 2, 3}),
        (["jitter"], lambda found: found.indices[2] - 2, {-1, 0, 1}),
    ],
)
def test_outcomes_are_uniform(kinds, outcome, expected) -> None:
    """3,000 draws, within five standard deviations of a binomial distribution."""
    generator = np.random.default_rng(0)
    counts = Counter(outcome(draw_perturbation(6, generator, kinds, params())) for _ in range(3000))
    share = 1 / len(expected)
    deviation = (3000 * share * (1 - share)) ** 0.5
    assert set(counts) == expected
    assert all(abs(count - 3000 * share) < 5 * deviation for count in counts.values())


def as_dict(table: pd.DataFrame) -> dict[tuple[str, int], tuple[str, list[int], list[bool]]]:
    return {(row.video, row.draw): (row.kind, row.indices, row.blank) for row in table.itertuples()}


def test_draws_depend_only_on_video_and_seed() -> None:
    together = as_dict(draw_perturbations(["a.mp4", "b.mp4", "c.mp4"], 6, 42, params()))
    assert as_dict(draw_perturbations(["c.mp4", "b.mp4", "a.mp4"], 6, 42, params())) == together
    alone = as_dict(draw_perturbations(["b.mp4"], 6, 42, params()))
    assert alone.items() <= together.items()
    more = as_dict(draw_perturbations(["b.mp4"], 6, 42, params(draws=16)))
    assert alone.items() <= more.items()
    other_seed = as_dict(draw_perturbations(["b.mp4"], 6, 43, params()))
    assert list(other_seed.values()) != list(alone.values())
    assert [together["a.mp4", n] for n in range(8)] != list(alone.values())


@given(frames=st.integers(2, 24), seed=st.integers(0, 1000))
def test_draw_each_kind_changes_clip(frames: int, seed: int) -> None:
    found = draw_each_kind("a.mp4", frames, seed, params())
    assert tuple(one.kind for one in found) == KINDS
    assert all(one.indices != tuple(range(frames)) or any(one.blank) for one in found)
    assert draw_each_kind("a.mp4", frames, seed, params(kinds=["jitter"])) == [found[3]]


def test_table_roundtrip_is_deterministic(tmp_path: Path) -> None:
    rows = draw_perturbations(["a.mp4", "b/c.mp4"], 6, 42, params())
    for name in ("one", "two"):
        write_perturbations(rows, tmp_path / name, {"seed": 42})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    table = PerturbationTable(tmp_path / "one")
    assert table.draws == 8
    for (video, number), (kind, indices, blank) in as_dict(rows).items():
        assert table.get(video, number) == Perturbation(kind, tuple(indices), tuple(blank))
    metadata = pq.read_schema(tmp_path / "one").metadata
    assert json.loads(metadata[b"provenance"]) == {"seed": 42}


def test_missing_draws_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    write_perturbations(draw_perturbations(["a.mp4"], 6, 42, params()), path, {})
    table = PerturbationTable(path)
    for video, number in (("x.mp4", 0), ("a.mp4", 8), ("a.mp4", -1)):
        with pytest.raises(KeyError, match=video):
            table.get(video, number)
    table.require(["a.mp4"], 6)
    for videos, frames, named in ((["a.mp4", "b.mp4"], 6, r"b\.mp4"), (["a.mp4"], 12, "12 frames")):
        with pytest.raises(InputError, match=named) as caught:
            table.require(videos, frames)
        assert str(path) in str(caught.value)
