"""Predictions for clips of a benchmark and for perturbed copies of them; labels are not read.

Each clip has one copy for every kind of temporal perturbation (docs/preference.md). A clip and its
copies are scored in one batch, so that a difference between their scores comes from the policy and
not from rounding in batches of different sizes. Where scores are means of drawn answers, all of
them are drawn with the same random numbers.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vqathinker.evaluation.predict import Asked, batches_of, load_asked, row_of, write_answers
from vqathinker.evaluation.predictions import RAW
from vqathinker.params import (
    AnswerParams,
    CompareParams,
    Device,
    EvaluationParams,
    PerturbationParams,
)
from vqathinker.policy.config import normalise
from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.inputs import encode_blank_frame, encode_frames, prompt_ids
from vqathinker.video.perturb import draw_each_kind


def choose_videos(videos: Iterable[str], number: int | None, seed: int) -> set[str]:
    """So many of the videos, all with the same chance, or all of them where `number` is None.

    Which ones depends on the set of ids and on the seed alone. With more videos asked for, those
    chosen before stay chosen.
    """
    drawn = sorted(set(videos), key=lambda v: hashlib.sha256(f"{seed}/{v}".encode()).digest())
    return set(drawn[:number])


def predict_perturbed(  # noqa: PLR0913  each decides what is asked or written
    policy: Path, clips: Sequence[Path], how: EvaluationParams, answer: AnswerParams,
    perturbations: PerturbationParams, preference: CompareParams, videos: Iterable[str], *,
    run: str, benchmark: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write a row for each chosen clip, of kind `raw`, and one for each of its perturbed copies.

    Chosen are `preference.videos` of `videos`, all those of the benchmark that could be probed;
    asked is about those that have a clip in `clips`. Of scores there are the greedy one and the one
    that tables show. Bytes, kills and `times` are as `predict` has them.
    """
    how = how.model_copy(update={"extra_scores": []})
    asked = load_asked(policy, clips, how, answer, run=run, benchmark=benchmark, device=device)
    chosen = choose_videos(videos, preference.videos, preference.seed)
    here = [video for video in asked.store.ids if video in chosen]
    origin = {
        **asked.origin,
        "perturbations": perturbations.model_dump(exclude={"draws"}),
        "seed": preference.seed,
        "chosen": hashlib.sha256("\n".join(sorted(chosen)).encode()).hexdigest(),
    }
    batches = batches_of(here, max(1, how.batch_size // (1 + len(perturbations.kinds))))
    ask = partial(_ask, asked, perturbations, preference.seed)
    write_answers(out, origin, "perturbed", batches, ask, times)


def _ask(
    asked: Asked, perturbations: PerturbationParams, seed: int, videos: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of some videos: each clip, then its copies. Every frame is encoded once."""
    model, tokenizer, _ = asked.policy
    pixels = normalise(asked.store.batch(videos).to(model.device))
    frames, tokens = pixels.shape[1], model.config.tokens_per_frame(pixels.shape[-1])
    ids = prompt_ids(
        tokenizer, "evaluation", frames, tokens, thinking=model.config.thinking,
        motion=model.config.motion_token,
    )  # fmt: skip
    drawn = [draw_each_kind(video, frames, seed, perturbations) for video in videos]
    clips = encode_frames(model, pixels)
    copies = clips.perturbed(drawn, lambda: encode_blank_frame(model, pixels))
    prompts = [features.prompts(model, ids) for features in (clips, copies)]
    about = [(video, RAW) for video in videos]
    about += [(v, copy.kind) for v, own in zip(videos, drawn, strict=True) for copy in own]
    scores = asked.scorer.score(EncodedPrompts.concatenate(prompts), [video for video, _ in about])
    rows = [
        {"kind": kind, **row_of(video, one, asked.how)}
        for (video, kind), one in zip(about, scores, strict=True)
    ]
    order = {video: place for place, video in enumerate(videos)}
    return sorted(rows, key=lambda row: order[row["video"]])
