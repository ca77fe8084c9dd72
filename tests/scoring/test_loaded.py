"""A loaded policy gives a clip the score that `predict` writes."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import vqathinker
from vqathinker.errors import InputError
from vqathinker.evaluation.predict import predict
from vqathinker.params import AnswerParams, EvaluationParams
from vqathinker.scoring.loaded_policy import LoadedPolicy
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.probe import probe
from vqathinker.video.shard import decode_shard
from vqathinker.video.workers import Limits

HOW = {
    "batch_size": 4, "max_new_tokens": 8, "precision": "fp32", "score": "mean",
    "extra_scores": ["expected"], "sampling": {"answers": 16, "temperature": 1.0, "seed": 7},
}  # fmt: skip


@pytest.fixture(scope="module")
def predictions(
    tmp_path_factory: pytest.TempPathFactory, videos: Path, digit_policy: Path
) -> pd.DataFrame:
    """Predictions as in the pipeline: a shard of clips, and `predict` on all of them."""
    folder = tmp_path_factory.mktemp("predicted")
    names = [path.name for path in sorted(videos.iterdir())]
    rows = {"video": names, "file": names, "status": "ok"}
    rows["frames"] = [probe(videos / name).frames for name in names]
    decode_shard(pd.DataFrame(rows), videos, "6x56", folder / "clips", Limits(60, 2000))
    answer = AnswerParams(parsing="authors", range=None)
    how = EvaluationParams.model_validate(HOW)
    out = folder / "out.parquet"
    predict(digit_policy, [folder / "clips"], how, answer, run="a", benchmark="b", out=out)
    return pd.read_parquet(out)


def test_the_score_of_a_benchmark_clip_equals_its_prediction(
    policy: LoadedPolicy, videos: Path, predictions: pd.DataFrame
) -> None:
    assert predictions["score"].notna().all()
    for row in predictions.itertuples():
        result = policy.score(videos / row.video)
        assert (result.score, result.answer_status) == (row.greedy, row.parse_status)
        clip = policy.sample(videos / row.video)
        answers = policy.ask(clip, "mean", seed=7, name=row.video)  # same seeds as `predict`
        assert answers.completion.text == row.completion
        assert answers.of("mean") == row.mean
        assert [answer.status for answer in answers.samples] == list(row.sample_statuses)
        expected = policy.ask(clip, "expected").expected
        known = None if np.isnan(row.expected) else pytest.approx(row.expected, abs=1e-5)
        assert expected is not None
        assert expected.score == known


def test_scores_are_reproducible_and_independent_of_the_file_name(
    policy: LoadedPolicy, videos: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.mp4"
    shutil.copy(videos / "0.mp4", other)
    once, again = (policy.score(path, "mean") for path in (videos / "0.mp4", other))
    assert dataclasses.replace(again, file=once.file) == once
    assert policy.score(other, "mean", seed=1) != again
    assert again.low < again.score < again.high


@pytest.mark.parametrize(
    "frames",
    [np.zeros((4, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8)],
)
def test_frames_of_another_shape_or_type_are_an_error(
    policy: LoadedPolicy, frames: np.ndarray
) -> None:
    with pytest.raises(InputError, match=r"mine: .*uint8"):
        policy.score_frames(frames, name="mine")


def test_an_unreadable_clip_raises_or_sets_failure(
    policy: LoadedPolicy, videos: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.mp4"
    page.write_text("<html>not found</html>", encoding="utf-8")
    with pytest.raises(DamagedVideo):
        policy.score(page)
    with pytest.raises(FileNotFoundError):
        policy.score(tmp_path / "nothing.mp4")
    results = list(policy.score_many([page, tmp_path / "nothing.mp4", videos / "0.mp4"]))
    assert [one.answer_status for one in results[:2]] == ["no_container", "missing"]
    assert [one.failure is None for one in results] == [False, False, True]
    assert results[2] == policy.score(videos / "0.mp4")


def test_the_public_names_exist() -> None:
    assert all(getattr(vqathinker, name) is not None for name in vqathinker.__all__)
    with pytest.raises(AttributeError):
        vqathinker.score  # noqa: B018


def test_a_script_without_a_main_guard_can_score(
    digit_policy: Path, videos: Path, policy: LoadedPolicy, tmp_path: Path
) -> None:
    """Worker processes must not run the program again."""
    program = tmp_path / "mine.py"
    program.write_text(
        "from vqathinker import load_policy\n"
        f"policy = load_policy({str(digit_policy)!r}, device='cpu')\n"
        f"print(policy.score({str(videos / '0.mp4')!r}).score)\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{policy.score(videos / '0.mp4').score}\n"
    assert done.stderr == ""
