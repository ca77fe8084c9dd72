"""Samples and mean scores."""

from pathlib import Path

import pytest

from vqathinker.params import AnswerParams, EvaluationParams
from vqathinker.policy.answer import Answer
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.scoring import Scorer, mean_score
from vqathinker.video.store import ClipStore

VIDEOS = ["clip0.mp4", "clip1.mp4", "clip2.mp4"]
AUTHORS = AnswerParams(parsing="authors", range=None)


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Policy:
    return load_policy(tiny_base)


@pytest.fixture(scope="module")
def prompts(base: Policy, tiny_clips: Path) -> EncodedPrompts:
    ids = prompt_ids(base.tokenizer, "evaluation", 6, 4)
    return encode_prompts(base.model, ids, ClipStore([tiny_clips]).batch(VIDEOS))


def scorer(base: Policy, score: str, *extra_scores: str, seed: int = 7, answers: int = 4) -> Scorer:
    how = {
        "batch_size": 1,
        "max_new_tokens": 8,
        "score": score,
        "extra_scores": list(extra_scores),
        "precision": "fp32",
        "sampling": {"answers": answers, "temperature": 1.0, "seed": seed},
    }
    return Scorer(base.model, base.tokenizer, EvaluationParams.model_validate(how), AUTHORS)


def test_samples_depend_on_seed_and_video_only(base: Policy, prompts: EncodedPrompts) -> None:
    together = scorer(base, "mean").score_prompts(prompts, VIDEOS)
    for row, video in enumerate(VIDEOS):
        one = EncodedPrompts(*(part[row : row + 1] for part in prompts))
        (alone,) = scorer(base, "mean").score_prompts(one, [video])
        assert alone.samples == together[row].samples
        (other,) = scorer(base, "mean", seed=8, answers=16).score_prompts(one, [video])
        assert other.samples[:4] != alone.samples
    assert together[0].samples != together[1].samples


def test_mean_score_uses_readable_answers() -> None:
    readable = [Answer(score, "ok", False) for score in (3.0, 4.0, 5.0)]
    lost = Answer(None, "truncated", False)
    assert mean_score([lost, *readable, lost]) == (4.0, 1.0)
    assert mean_score([readable[0], lost]) == (3.0, None)
    assert mean_score([lost]) == (None, None)


def test_equal_means_are_equal_despite_rounding() -> None:
    """Otherwise, clips with equal means are ranked by the last bit."""
    same = ([2.9, 3.3, 3.4], [3.2, 3.2, 3.2], [3.1, 3.1, 3.4])
    found = {mean_score([Answer(score, "ok", False) for score in scores])[0] for scores in same}
    assert found == {3.2}
    shifted = {mean_score([Answer(at + d, "ok", False) for d in (0, 0.1)])[1] for at in (2.9, 3.2)}
    assert len(shifted) == 1
