"""Tests of the ladder of runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vqathinker.evaluation.intervals import average_over_sets, bootstrap, generator_for
from vqathinker.evaluation.significance import compare
from vqathinker.params import IntervalsParams
from vqathinker.reporting.formats import FILES, markdown
from vqathinker.reporting.ladder import AgreementCache, ladder_grids, ladder_lines, ladder_rows
from vqathinker.reporting.main_table import ReportScale

N = 40
INTERVALS = IntervalsParams(resamples=200, seed=1, confidence=0.95)
NAMES = [f"{number}.mp4" for number in range(N)]
BASE = {"name": "large", "kind": "hub", "motion": {"encoder": "slowfast"}}


def row(**other: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "train": True, "group": "ablation", "seed": 42, "base": BASE,
        "training": {"method": "grpo", "beta": 0.04}, "rewards": {"weights": {"temporal": 1.0}},
        "clips": {"test_setting": "12x560"},
    }  # fmt: skip
    return plain | other


RUNS = {
    "untouched": row(train=False, group="main"),
    "grpo": row(group="main"),
    "again": row(seed=43, of="grpo"),
    "no-temporal": row(rewards={"weights": {"temporal": 0}}),
    "sft": row(training={"method": "sft", "beta": 0.04}),
    "small": row(base=BASE | {"name": "small"}),
    "still": row(base=BASE | {"name": "large-still", "motion": None}),
    "sft-grpo": row(after="sft"),
    "four": row(train=False, after="grpo", clips={"test_setting": "4x560"}),
    "six": row(clips={"test_setting": "6x448"}),
}
SCALE = ReportScale(
    train_set="mine",
    domains={"a": "in-domain", "b": "in-domain", "c": "out-of-distribution"},
    counts={"a": N, "b": N, "c": N},
    runs=RUNS,
    method="grpo",
)


def agreements(runs: tuple[str, ...], benchmarks: str = "abc") -> AgreementCache:
    """Scores with more noise for later runs; `again` lacks a video."""
    generator = np.random.default_rng(0)
    mos = generator.normal(size=N)
    scored = {
        (run, name): pd.DataFrame({
            "video": NAMES, "mos": mos, "content": None,
            "score": mos + generator.normal(size=N) * (0.2 + 0.3 * number),
        })[int(run == "again"):]
        for number, run in enumerate(runs)
        for name in benchmarks
    }  # fmt: skip
    return AgreementCache(scored, INTERVALS)


def lines_of(drawn: AgreementCache, *runs: str) -> list[dict[str, Any]]:
    files = {(run, name): Path(run, name) for run in RUNS for name in "abc"}
    return ladder_lines(SCALE, ladder_rows(SCALE, runs), drawn, files)


def changed(drawn: AgreementCache, **scored: pd.DataFrame | None) -> AgreementCache:
    """Agreements with other videos for a run and benchmark, given as `run_benchmark`."""
    found = {**drawn.scored, **{tuple(key.split("_")): own for key, own in scored.items()}}
    return AgreementCache({key: own for key, own in found.items() if own is not None}, INTERVALS)


def find(lines: list[dict[str, Any]], **expected: Any) -> dict[str, Any]:
    (line,) = (one for one in lines if all(one[key] == value for key, value in expected.items()))
    return line


def test_variants_come_from_parameters_and_not_from_names() -> None:
    rows = {one.name: (one.group, one.variant) for one in ladder_rows(SCALE, RUNS)}
    assert rows == {
        "grpo": ("method", "the method"),
        "untouched": ("untrained", "large (untrained)"),
        "no-temporal": ("ablation", "rewards.weights.temporal 0"),
        "sft": ("training", "training.method sft"),
        "small": ("backbone", "base.name small"),
        "still": ("ablation", "base.motion.encoder none, base.motion null"),
        "sft-grpo": ("training", "after sft"),
        "four": ("frames", "clips.test_setting 4x560"),
        "six": ("frames", "clips.test_setting 6x448"),
    }


def test_differences_are_paired_and_list_files_of_both_runs() -> None:
    drawn = agreements(("grpo", "sft"))
    lines = lines_of(drawn, "grpo", "sft")
    both = {}
    for name in "ab":
        scores = np.stack([drawn.scored[run, name]["score"].to_numpy() for run in ("grpo", "sft")])
        mos = drawn.scored["grpo", name]["mos"].to_numpy()
        both[name] = bootstrap(scores, mos, generator=generator_for(1, name), resamples=200)
    expected = compare(both["a"][1].srcc, both["a"][0].srcc)
    line = find(lines, row="sft", benchmark="a", measure="srcc")
    found = [line[key] for key in ("difference", "difference_low", "difference_high", "p")]
    assert found == list(expected[:4])
    assert line[FILES] == [Path("sft", "a"), Path("grpo", "a")]
    means = [average_over_sets([both[name][run].plcc for name in "ab"], [1, 1]) for run in (1, 0)]
    average = find(lines, row="sft", benchmark="average", domain="in-domain", measure="plcc")
    assert average["difference"] == compare(*means).difference
    assert (average["benchmarks"], len(average[FILES])) == (2, 4)


def test_seeds_are_averaged_on_the_videos_that_all_scored() -> None:
    drawn = agreements(("grpo", "again", "sft"))
    lines = lines_of(drawn, "grpo", "again", "sft")
    values = [found.srcc.value for found in drawn.of(["grpo", "again"], "a") or []]
    line = find(lines, row="grpo", benchmark="a", measure="srcc")
    assert (line["seeds"], line["n"]) == (2, N - 1)
    assert line["value"] == pytest.approx(np.mean(values))
    assert line["spread"] == pytest.approx(np.std(values, ddof=1))
    assert find(lines, row="sft", benchmark="a", measure="srcc")["n"] == N
    assert find(lines, row="sft", benchmark="a", measure="srcc")["n_compared"] == N - 1


@pytest.mark.parametrize("rows", [0, N])
def test_undefined_values_have_a_reason(rows: int) -> None:
    """Without videos, and with scores that are all equal."""
    drawn = agreements(("grpo", "sft"))
    flat = drawn.scored["sft", "a"][:rows].assign(score=3.0)
    lines = lines_of(changed(drawn, sft_a=flat), "grpo", "sft")
    line = find(lines, row="sft", benchmark="a", measure="srcc")
    assert (line["value"], line["difference"], line["p"]) == (None, None, None)
    assert line["reason"]
    assert find(lines, row="sft", benchmark="b", measure="srcc")["p"] is not None


def test_averages_leave_out_benchmarks_without_predictions() -> None:
    lines = lines_of(changed(agreements(("grpo", "sft")), sft_b=None), "grpo", "sft")
    average = find(lines, row="sft", benchmark="average", domain="in-domain", measure="srcc")
    assert average["benchmarks"] == 1
    assert average["difference"] is not None


def test_each_grid_starts_with_the_method() -> None:
    grids = ladder_grids(SCALE, lines_of(agreements(tuple(RUNS)), *RUNS))
    rows = {grid.title: [row[0].text for b in grid.blocks for row in b] for grid in grids}
    assert rows["Ablation ladder: averages"] == ["grpo", "untouched", "no-temporal", "still"]
    training = rows["Supervised fine-tuning against GRPO: averages"]
    assert training == ["grpo", "untouched", "sft", "sft-grpo"]
    assert rows["Backbones: averages"] == ["grpo", "small"]
    assert rows["Frames: averages"] == ["grpo", "four", "six"]
    assert " ± " in markdown(grids)
