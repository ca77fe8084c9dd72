"""Device and precision of a policy, and scores in half precision."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from vqathinker.errors import InputError
from vqathinker.params import AnswerParams, EvaluationParams
from vqathinker.policy.device import choose_device, choose_dtype
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.inputs import encode_pixels
from vqathinker.policy.scoring import Scorer

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(scope="module")
def half(tiny_base: Path) -> Policy:
    return load_policy(tiny_base, "cpu", torch.bfloat16)


def test_missing_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == CPU
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES"):
        choose_device("cuda")


def test_auto_is_half_precision_on_gpus_only() -> None:
    assert choose_dtype("auto", CPU) == choose_dtype("fp32", GPU) == torch.float32
    assert choose_dtype("auto", GPU) == choose_dtype("bf16", CPU) == torch.bfloat16


def test_half_precision_excludes_the_motion_encoder(half: Policy, tiny_base: Path) -> None:
    whole = load_policy(tiny_base).model.state_dict()
    for name, value in half.model.state_dict().items():
        if "motion_encoder" in name:
            assert torch.equal(value, whole[name]), name
        else:
            assert value.dtype == torch.bfloat16, name


def test_half_precision_supports_all_kinds_of_scores(
    half: Policy, ids: Tensor, pixels: Tensor
) -> None:
    how = EvaluationParams.model_validate(
        {
            "batch_size": 3, "max_new_tokens": 6, "score": "expected", "extra_scores": ["mean"],
            "precision": "bf16",
            "sampling": {"answers": 2, "temperature": 1.0, "seed": 7},
        }
    )  # fmt: skip
    scorer = Scorer(half.model, half.tokenizer, how, AnswerParams(parsing="authors", range=None))
    scores = scorer.score_prompts(
        encode_pixels(half.model, pixels).prompts(half.model, ids), ["a", "b", "c"]
    )
    assert len(scores) == 3
    assert all(len(each.samples) == 2 and each.expected is not None for each in scores)
