"""Predictions on clips of a benchmark and on perturbed copies of them. Labels are not read.

Each clip has one copy for every kind of temporal perturbation (docs/preference.md). A clip and its
copies are scored in one batch, so that differences between their scores come from the policy and
not from rounding in batches of different sizes. If scores are means of sampled answers, a clip and
its copies use the same random numbers.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vqathinker.evaluation.predict import (
    PredictionJob,
    open_job,
    predict_batches,
    prediction_row,
    split_batches,
)
from vqathinker.evaluation.predictions import RAW
from vqathinker.params import (
    AnswerParams,
    CompareParams,
    Device,
    EvaluationParams,
    PerturbationParams,
)
from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.inputs import encode_blank_frame, encode_frames, prompt_ids
from vqathinker.video.perturb import draw_each_kind


def choose_videos(videos: Iterable[str], number: int | None, seed: int) -> set[str]:
    """A random sample of `number` videos, or all of them if `number` is None.

    The sample depends only on the ids and the seed. A larger sample contains each smaller one.
    """
    drawn = sorted(set(videos), key=lambda v: hashlib.sha256(f"{seed}/{v}".encode()).digest())
    return set(drawn[:number])


def predict_perturbed(  # noqa: PLR0913  inputs, settings and outputs of a command
    policy: Path, clips: Sequence[Path], settings: EvaluationParams, answer: AnswerParams,
    perturbations: PerturbationParams, preference: CompareParams, videos: Iterable[str], *,
    run: str, benchmark: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write one row of kind `raw` for each selected clip, and one row for each perturbed copy.

    `preference.videos` clips are chosen from `videos`, the readable videos of the benchmark; those
    that are in `clips` are scored. Only greedy scores and scores of the kind `evaluation.score` are
    computed. Reproducibility, resuming and `times` are as in `predict`.
    """
    settings = settings.model_copy(update={"extra_scores": []})  # only the scores that are compared
    job = open_job(policy, clips, settings, answer, run=run, benchmark=benchmark, device=device)
    chosen = choose_videos(videos, preference.videos, preference.seed)
    selected = [video for video in job.videos if video in chosen]
    origin = {
        **job.origin,
        "perturbations": perturbations.model_dump(exclude={"draws"}),
        "seed": preference.seed,
        "chosen": hashlib.sha256("\n".join(sorted(chosen)).encode()).hexdigest(),
    }
    # A batch of clips also holds their copies, so it takes fewer clips.
    batches = split_batches(selected, max(1, settings.batch_size // (1 + len(perturbations.kinds))))
    predict_batch = partial(_predict_batch, job, perturbations, preference.seed)
    predict_batches(out, origin, "predict_perturbed", batches, predict_batch, times)


def _predict_batch(
    job: PredictionJob, perturbations: PerturbationParams, seed: int, videos: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of some videos: each clip, then its copies. Every frame is encoded only once."""
    model, tokenizer, _ = job.policy
    decoded = job.store.batch(videos)
    frames = decoded.pixels.shape[1]
    tokens = model.config.tokens_per_frame(*decoded.pixels.shape[-2:])
    ids = prompt_ids(
        tokenizer, "evaluation", frames, tokens, thinking=model.config.thinking,
        motion=model.config.motion_token,
    )  # fmt: skip
    drawn = [draw_each_kind(video, frames, seed, perturbations) for video in videos]
    clips = encode_frames(model, decoded)
    # Copies reuse the features of their clip's frames: encoding is most of the cost.
    copies = clips.perturb(drawn, lambda: encode_blank_frame(model, decoded))
    prompts = [features.prompts(model, ids) for features in (clips, copies)]
    about = [(video, RAW) for video in videos]
    about += [(v, copy.kind) for v, own in zip(videos, drawn, strict=True) for copy in own]
    scores = job.scorer.score_prompts(
        EncodedPrompts.concatenate(prompts), [video for video, _ in about]
    )
    rows = [
        {"kind": kind, **prediction_row(video, one, job.settings)}
        for (video, kind), one in zip(about, scores, strict=True)
    ]
    # The scorer gets all clips, then all copies; the file has each clip before its own copies.
    return sorted(rows, key=lambda row: videos.index(row["video"]))
