"""Temporal perturbations: what each kind may do, how often each comes."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.params import PerturbationParams
from vqathinker.video.perturb import (
    KINDS,
    Perturbation,
    draw_each_kind,
    draw_perturbation,
    draw_perturbations,
)

# docs/method.md, section 4.
PAPER: dict[str, Any] = {"window": 4, "jitter": 1, "duplicate_max": 3, "drop_max": 3}

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(1, 24)


def drawn(kind: str, frames: int, seed: int, **extent: int) -> Perturbation:
    return draw_perturbation(frames, np.random.default_rng(seed), [kind], **(PAPER | extent))


def params(**changes: Any) -> PerturbationParams:
    return PerturbationParams(**({"kinds": list(KINDS), "draws": 8} | PAPER | changes))


@given(kind=st.sampled_from(KINDS), frames=lengths, seed=seeds)
def test_every_kind_keeps_the_length_and_stays_inside(kind: str, frames: int, seed: int) -> None:
    found = drawn(kind, frames, seed)
    assert found.kind == kind
    assert len(found.indices) == len(found.blank) == frames
    assert all(0 <= index < frames for index in found.indices)
    assert any(found.blank) == (kind == "random_drop")


@given(frames=lengths, seed=seeds)
def test_shuffle_is_a_permutation(frames: int, seed: int) -> None:
    assert sorted(drawn("shuffle", frames, seed).indices) == list(range(frames))


@given(frames=lengths, seed=seeds, window=st.integers(1, 8))
def test_local_shuffle_permutes_each_window(frames: int, seed: int, window: int) -> None:
    indices = drawn("local_shuffle", frames, seed, window=window).indices
    for start in range(0, frames, window):
        inside = indices[start : start + window]
        assert sorted(inside) == list(range(start, min(start + window, frames)))


@given(frames=lengths, seed=seeds)
def test_reverse_twice_is_nothing(frames: int, seed: int) -> None:
    indices = drawn("reverse", frames, seed).indices
    assert indices[0] == frames - 1
    assert [indices[index] for index in indices] == list(range(frames))


@given(frames=lengths, seed=seeds, most=st.integers(0, 3))
def test_jitter_moves_by_at_most_its_offset(frames: int, seed: int, most: int) -> None:
    indices = drawn("jitter", frames, seed, jitter=most).indices
    assert all(abs(index - place) <= most for place, index in enumerate(indices))


@given(frames=st.integers(2, 24), seed=seeds)
def test_duplicate_puts_one_to_three_copies_of_one_frame_in_one_place(
    frames: int, seed: int
) -> None:
    indices = drawn("duplicate", frames, seed).indices
    copies = [
        (count, place)
        for count in range(1, min(3, frames - 1) + 1)
        for place in range(frames - count + 1)
        if len(set(indices[place : place + count])) == 1
        and is_rising(indices[:place] + indices[place + count :])
    ]
    assert copies


def is_rising(indices: tuple[int, ...]) -> bool:
    return all(one < other for one, other in pairwise(indices))


@given(frames=lengths, seed=seeds)
def test_random_drop_blanks_one_to_three_frames_in_place(frames: int, seed: int) -> None:
    found = drawn("random_drop", frames, seed)
    assert found.indices == tuple(range(frames))
    assert 1 <= sum(found.blank) <= min(3, frames)


def test_kinds_come_equally_often() -> None:
    """6,000 draws: each kind 1,000 times, give or take five standard deviations of 28.9."""
    generator = np.random.default_rng(0)
    counts = Counter(draw_perturbation(6, generator, KINDS, **PAPER).kind for _ in range(6000))
    assert set(counts) == set(KINDS)
    assert all(abs(count - 1000) < 5 * 28.9 for count in counts.values())


def test_one_two_and_three_blanks_come_equally_often() -> None:
    generator = np.random.default_rng(0)
    counts = Counter(
        sum(draw_perturbation(6, generator, ["random_drop"], **PAPER).blank) for _ in range(3000)
    )
    assert set(counts) == {1, 2, 3}
    assert all(abs(count - 1000) < 5 * 25.9 for count in counts.values())


def test_jitter_goes_both_ways_equally_often() -> None:
    generator = np.random.default_rng(0)
    moves = Counter(
        draw_perturbation(6, generator, ["jitter"], **PAPER).indices[2] - 2 for _ in range(3000)
    )
    assert set(moves) == {-1, 0, 1}
    assert all(abs(count - 1000) < 5 * 25.9 for count in moves.values())


@pytest.mark.parametrize("kinds", [[], ["shuffel"], ["shuffle", "blur"]])
def test_an_unknown_kind_is_refused_with_the_known_ones(kinds: list[str]) -> None:
    with pytest.raises(ValueError, match="choose from shuffle, local_shuffle"):
        draw_perturbation(6, np.random.default_rng(0), kinds, **PAPER)


@pytest.mark.parametrize("wrong", [{"window": 0}, {"jitter": -1}, {"drop_max": 0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        draw_perturbation(6, np.random.default_rng(0), KINDS, **(PAPER | wrong))


def as_dict(table: pd.DataFrame) -> dict[tuple[str, int], tuple[str, list[int], list[bool]]]:
    return {
        (row.video, row.draw): (row.kind, row.indices, row.blank)
        for row in table.itertuples(index=False)
    }


def test_a_video_s_draws_do_not_depend_on_the_other_videos() -> None:
    together = as_dict(draw_perturbations(["a.mp4", "b.mp4", "c.mp4"], 6, 42, params()))
    alone = as_dict(draw_perturbations(["b.mp4"], 6, 42, params()))
    assert alone.items() <= together.items()
    backwards = as_dict(draw_perturbations(["c.mp4", "b.mp4", "a.mp4"], 6, 42, params()))
    assert backwards == together


def test_more_draws_leave_the_first_ones_as_they_were() -> None:
    few = as_dict(draw_perturbations(["a.mp4"], 6, 42, params()))
    many = as_dict(draw_perturbations(["a.mp4"], 6, 42, params(draws=16)))
    assert few.items() <= many.items()


def test_videos_and_seeds_differ_in_their_draws() -> None:
    a, b = (draw_perturbations([video], 6, 42, params(draws=32)) for video in ("a.mp4", "b.mp4"))
    other_seed = draw_perturbations(["a.mp4"], 6, 43, params(draws=32))
    assert a["indices"].tolist() != b["indices"].tolist()
    assert a["indices"].tolist() != other_seed["indices"].tolist()


@given(frames=st.integers(2, 24), seed=st.integers(0, 1000))
def test_one_of_each_kind_changes_the_clip_in_the_order_of_the_kinds(
    frames: int, seed: int
) -> None:
    found = draw_each_kind("a.mp4", frames, seed, params())
    assert tuple(one.kind for one in found) == KINDS
    assert all(one.indices != tuple(range(frames)) or any(one.blank) for one in found)


def test_one_of_each_kind_depends_on_video_seed_and_kind_alone() -> None:
    first = draw_each_kind("a.mp4", 12, 7, params())
    assert draw_each_kind("a.mp4", 12, 7, params(draws=1)) == first
    assert draw_each_kind("a.mp4", 12, 7, params(kinds=["jitter"])) == [first[3]]
    assert draw_each_kind("b.mp4", 12, 7, params())[0] != first[0]
    assert draw_each_kind("a.mp4", 12, 8, params())[0] != first[0]


def test_a_clip_of_one_frame_stays_as_it_is_where_only_its_order_could_change() -> None:
    found = draw_each_kind("a.mp4", 1, 7, params())
    assert [any(one.blank) for one in found] == [False] * 5 + [True]
