"""Predictions: one row per decoded clip, reproducible, with provenance, without labels."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch
from tests.evaluation.conftest import AUTHORS, SEEN, settings

from vqathinker.evaluation.predict import predict
from vqathinker.evaluation.predictions import COLUMNS, Predictions, read_predictions
from vqathinker.policy.answer import Completion, parse_answer
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.generation import EncodedPrompts, generate
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.scoring import Scorer
from vqathinker.video.store import ClipStore

Ask = Callable[..., Predictions]


@pytest.fixture
def ask(tmp_path: Path, tiny_clips: Path) -> Ask:
    """ask(policy, batch_size=2, …) returns its predictions on the tiny clips."""

    def run(
        policy: Path, batch_size: int = 4, score: str = "greedy", extra_scores: Sequence[str] = (),
        max_new_tokens: int = 4,
    ) -> Predictions:  # fmt: skip
        how = settings(batch_size, score, extra_scores, max_new_tokens)
        out = tmp_path / "predictions" / "grpo" / "demo_content.parquet"
        predict(policy, [tiny_clips], how, AUTHORS, run="grpo", benchmark="demo_content", out=out)
        return read_predictions(out)

    return run


@pytest.fixture(scope="module")
def tiny(tiny_base: Path) -> Policy:
    return load_policy(tiny_base)


def test_completions_are_greedy_on_the_evaluation_prompt(
    tiny_base: Path, tiny: Policy, tiny_clips: Path, ask: Ask
) -> None:
    table = ask(tiny_base).table
    store = ClipStore([tiny_clips])
    ids = prompt_ids(tiny.tokenizer, "evaluation", 6, 4)
    prompts = encode_prompts(tiny.model, ids, store.batch(SEEN))
    done = generate(tiny.model, prompts, torch.arange(6), 4, tiny.tokenizer.eos_token_id).ids
    predicted = tiny.tokenizer.batch_decode(done, skip_special_tokens=True)
    assert table["video"].tolist() == SEEN  # the damaged video has no row
    assert tuple(table.columns) == COLUMNS
    assert table["completion"].tolist() == predicted
    scores = [parse_answer(Completion(text), AUTHORS).score for text in predicted]
    pd.testing.assert_series_equal(table["score"], pd.Series(scores, name="score", dtype=float))


@pytest.mark.parametrize("batch_size", [1, 100])
def test_predictions_do_not_depend_on_the_batch_size(
    tiny_base: Path, ask: Ask, batch_size: int
) -> None:
    kinds = {"score": "expected", "extra_scores": ["mean"]}
    one, other = ask(tiny_base, 3, **kinds).table, ask(tiny_base, batch_size, **kinds).table
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("score", ["greedy", "expected"])
def test_score_is_the_configured_kind_and_others_are_kept(
    tiny_base: Path, ask: Ask, score: str
) -> None:
    extra_scores = ["mean", "expected"]
    predicted = ask(tiny_base, score=score, extra_scores=extra_scores)
    assert predicted.score == score
    pd.testing.assert_series_equal(
        predicted.table["score"], predicted.table[score], check_names=False
    )
    assert {"greedy", *extra_scores} <= set(predicted.table.columns)


def test_wall_times_are_in_a_separate_file(
    tiny_base: Path, tiny_clips: Path, tmp_path: Path
) -> None:
    how, written = settings(3, "mean", ["expected"]), []
    for name in ("first", "second"):
        out, times = tmp_path / f"{name}.parquet", tmp_path / "times" / f"{name}.csv"
        about = {"run": "grpo", "benchmark": "koniq", "out": out, "times": times}
        predict(tiny_base, [tiny_clips], how, AUTHORS, **about)
        clock = pd.read_csv(times)
        assert clock["video"].tolist() == SEEN
        assert (clock["seconds"] >= 0).all()
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_predictions_have_provenance(tiny_base: Path, tiny_clips: Path, ask: Ask) -> None:
    predicted = ask(tiny_base, max_new_tokens=3)
    assert (predicted.run, predicted.benchmark) == ("grpo", "demo_content")
    assert predicted.provenance["policy"] == policy_hash(tiny_base)
    assert predicted.provenance["setting"] == "6x56"
    assert predicted.provenance["decoding"]["max_new_tokens"] == 3
    assert predicted.provenance["answer"] == {"parsing": "authors", "range": None}
    assert predicted.provenance["clips"] == [hashlib.sha256(tiny_clips.read_bytes()).hexdigest()]


def test_a_killed_job_resumes_and_gives_the_same_bytes(
    tiny_base: Path, tiny_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how, batches, allowed = settings(2, "mean", ["expected"]), [], [2]
    score = Scorer.score_prompts

    def watched(scorer: Scorer, prompts: EncodedPrompts, videos: Sequence[str]) -> object:
        if len(batches) == allowed[0]:
            raise KeyboardInterrupt
        batches.append(list(videos))
        return score(scorer, prompts, videos)

    def run(name: str, policy: Path = tiny_base) -> bytes:
        out = tmp_path / name
        predict(policy, [tiny_clips], how, AUTHORS, run="grpo", benchmark="koniq", out=out)
        return out.read_bytes()

    whole = run("whole.parquet")
    monkeypatch.setattr(Scorer, "score_prompts", watched)
    with pytest.raises(KeyboardInterrupt):
        run("killed.parquet")
    journal = tmp_path / ".killed.parquet.journal"
    journal.write_bytes(journal.read_bytes() + b'[{"video": "cl')
    allowed[0] = 100
    assert run("killed.parquet") == whole
    assert batches == [SEEN[:2], SEEN[2:4], SEEN[4:]]
    assert not journal.exists()
