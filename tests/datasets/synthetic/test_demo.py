"""Demo sets: reproducible bytes, MOS decreasing with strength, intended damage."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.datasets.card import load_card
from vqathinker.datasets.labels import read_labels
from vqathinker.datasets.synthetic.contents import plan_contents
from vqathinker.datasets.synthetic.degradations import ENCODERS, SEVERITY
from vqathinker.datasets.synthetic.demo import _plan_videos, make_set, mos_from_strengths
from vqathinker.errors import InputError
from vqathinker.params import DataParams
from vqathinker.phases.parameters import resolve
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.probe import probe

Params = Callable[..., DataParams]

COUNTS = {"demo_train": 8, "demo_indomain": 4, "demo_content": 4, "demo_distortion": 4}
Strength = st.floats(0, 1)


@pytest.fixture
def params(config: dict[str, Any]) -> Params:
    """params(versions=2, counts=…) returns section `data` of params.yaml with small counts."""
    data = resolve(config)["data"]

    def make(counts: dict[str, int] | None = None, **demo: Any) -> DataParams:
        demo = {**data["demo"], **demo}
        return DataParams.model_validate(
            {**data, "counts": {**COUNTS, **(counts or {})}, "demo": demo}
        )

    return make


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def table_of(folder: Path) -> pd.DataFrame:
    """Degradations and labels in one table."""
    degradations = pd.read_csv(folder / "degradations.csv", keep_default_na=False)
    return degradations.merge(pd.read_csv(folder / "labels.csv"), on="video", validate="m:1")


def test_the_same_parameters_give_the_same_bytes(tmp_path: Path, params: Params) -> None:
    """Two contents with four versions each."""
    made = [make_set("demo_train", params(), tmp_path / name) for name in ("one", "two")]
    one, two = (hashes(tmp_path / name) for name in ("one", "two"))
    assert one == two
    assert [str(path.relative_to(tmp_path / "one")) for path in made[0]] == list(one)
    labels = pd.read_csv(tmp_path / "one" / "labels.csv")
    assert sorted(f"videos/{video}" for video in labels["video"]) == [
        name for name in one if name.startswith("videos/")
    ]
    videos = [digest for name, digest in one.items() if name.startswith("videos/")]
    assert len(set(videos)) == 8
    facts = [probe(path) for path in sorted((tmp_path / "one" / "videos").glob("c000_*"))]
    assert len({(fact.width, fact.height) for fact in facts}) == 1
    frames = [fact.frames for fact in facts]
    assert max(frames) - min(frames) <= 1
    assert min(frames) >= 9  # half a second at the lowest rate


@given(Strength, Strength, Strength)
def test_mos_decreases_with_each_strength(one: float, other: float, noise: float) -> None:
    weak, strong = sorted((one, other))
    milder = mos_from_strengths({"blur": weak, "noise": noise})
    assert milder >= mos_from_strengths({"blur": strong, "noise": noise})
    if strong - weak > 0.001:
        assert milder > mos_from_strengths({"blur": strong, "noise": noise})


@given(st.dictionaries(st.sampled_from(sorted(SEVERITY)), Strength), st.floats(-10, 10))
def test_mos_stays_within_its_scale(strengths: dict[str, float], noise: float) -> None:
    assert 1 <= mos_from_strengths(strengths, noise) <= 5


def test_damaged_file_is_truncated_and_keeps_its_label(tmp_path: Path, params: Params) -> None:
    row = {"contents": "seen", "kinds": "seen"}
    for name, damaged in (("whole", 0), ("cut", 1)):
        sets = {"demo_indomain": {**row, "damaged": damaged}}
        demo_params = params(versions=4, kinds={"x264": 1, "x265": 1}, sets=sets)
        make_set("demo_indomain", demo_params, tmp_path / name)
    whole, cut = (tmp_path / name / "videos" for name in ("whole", "cut"))
    assert (tmp_path / "cut" / "labels.csv").read_text() == (
        tmp_path / "whole" / "labels.csv"
    ).read_text()
    changed = [p.name for p in whole.iterdir() if p.read_bytes() != (cut / p.name).read_bytes()]
    assert len(changed) == 1
    assert (whole / changed[0]).read_bytes().startswith((cut / changed[0]).read_bytes())
    with pytest.raises(DamagedVideo):
        probe(cut / changed[0])
    labels = read_labels(tmp_path / "cut", load_card("demo_indomain"))
    assert changed[0] in set(labels["video"])
    assert len(labels) == 4


def test_unseen_kinds_occur_only_in_distortion_set(tmp_path: Path, params: Params) -> None:
    seen = {"blur": 1, "exposure": 1}
    demo_params = params(versions=8, kinds=seen, counts=dict.fromkeys(COUNTS, 8))
    written = params().demo
    assert demo_params.demo is not None
    assert written is not None
    assert not set(written.kinds) & set(written.unseen_kinds)
    kinds = {}
    for name in COUNTS:
        make_set(name, demo_params, tmp_path / name)
        kinds[name] = set(table_of(tmp_path / name)["kind"]) - {"none"}
    assert kinds.pop("demo_distortion") <= set(demo_params.demo.unseen_kinds)
    assert all(of_set == {"blur", "exposure"} for of_set in kinds.values())


def test_degradations_are_drawn_by_share_and_explain_the_labels(
    tmp_path: Path, params: Params
) -> None:
    """Most clips have one or two; none has two temporal ones or two encoders."""
    demo_params = params(counts={"demo_train": 120}, versions=120, observer_noise=0.0)
    assert demo_params.demo is not None
    contents = list(plan_contents("demo_train", 1, False, 7, tmp_path))
    videos = list(_plan_videos(contents, demo_params.demo.kinds, demo_params.demo))
    numbers = [len(video.strengths) for video in videos]
    assert set(numbers) == {0, 1, 2, 3}
    assert max(set(numbers), key=numbers.count) == 1
    drawn = [kind for video in videos for kind in video.strengths]
    assert drawn.count("blur") > drawn.count("contrast")  # 20 to 5 in params.yaml
    for video in videos:
        assert len(ENCODERS.keys() & video.strengths.keys()) <= 1
        assert list(video.strengths.values()) == sorted(video.strengths.values(), reverse=True)
        assert video.mos == mos_from_strengths(video.strengths)


def test_undefined_set_is_rejected(tmp_path: Path, params: Params) -> None:
    with pytest.raises(InputError, match=r"data\.demo\.sets.*'demo_typo'"):
        make_set("demo_typo", params(), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_error_of_configured_ffmpeg_is_shown(tmp_path: Path, params: Params) -> None:
    program = tmp_path / "ffmpeg"
    fails = "echo 'ffmpeg version 7.1'; echo 'Unknown encoder libx264' >&2; exit 1"
    program.write_text(f"#!/bin/sh\n{fails}\n")
    program.chmod(0o755)
    demo_params = params(counts={"demo_train": 1}, ffmpeg=str(program))
    with pytest.raises(InputError, match=r"c000 .* Unknown encoder libx264"):
        make_set("demo_train", demo_params, tmp_path / "set")
