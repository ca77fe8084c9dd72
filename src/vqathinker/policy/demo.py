"""The demo's base policy: a tiny InternVL that sees degradations and knows the answer format.

It is to the demo what InternVL3 is to the paper. Two stages train it, neither with a MOS:
*perception* trains the projectors to recognise kind and strength of a degradation; *answer format*
trains the language model to name both, and to answer with a random score or, if asked for the kind
of degradation, with that kind. The image encoder is not trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import trange
from transformers import PreTrainedTokenizerFast

from vqathinker.errors import InputError, reading
from vqathinker.params.base import DemoBaseParams, StageParams
from vqathinker.policy.config import normalise
from vqathinker.policy.folder.checkpoint import save_policy
from vqathinker.policy.inputs import default_generation_config, prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.filter_bank import CONSTANTS, FilterBank
from vqathinker.policy.prompt import (
    DEGRADATION_NAMES,
    DEGRADATION_WORDS,
    LEVELS,
    degradation_question,
)
from vqathinker.policy.tiny import build_policy, build_tokenizer
from vqathinker.products import DEGRADATIONS
from vqathinker.video.sampling import parse_setting
from vqathinker.video.store import ClipStore

_REASONING = "<think>I see {level} {kind}.</think>"
_SCORE_ANSWER = _REASONING + "<answer>{score:.2f}</answer>"
_KIND_ANSWER = _REASONING + "<answer>{kind}</answer>"
_OPTION_LABELS = ("A:", *(f", {letter}:" for letter in "BCDEFGH"))
# Each is one token, see `build_tokenizer`.
PHRASES = (
    "I see",
    ".",
    *(f" {word}" for word in (*LEVELS, *DEGRADATION_NAMES)),
    *DEGRADATION_NAMES,
    *_OPTION_LABELS,
)
# Motion features are dropped with this probability, and get noise of this standard deviation: the
# clips are few, and made ones differ from real ones.
_DROPOUT, _NOISE = 0.3, 0.15
# Weight of the loss on visual tokens, and how rarely it is computed: it is slow and helps little.
_VISUAL_WEIGHT, _VISUAL_EVERY = 0.3, 12
_QUESTION_EVERY = 5  # every fifth step asks for the kind of degradation, not for a score
_CARD = """\
A tiny policy with InternVL's architecture, for the demo only.

It was trained on {clips} clips of the training set and {degradations}, to recognise kinds and
strengths of degradations (in {levels} levels), to give answers in the right format with random
scores from 1 to 5, and to answer with the strongest kind if asked for it. It has seen
no MOS and no clip of a benchmark. It uses mainly its motion token: its image encoder is untrained,
so the visual tokens carry little information.
"""


@dataclass(frozen=True)
class EncodedClips:
    """Encoded clips with their degradations."""

    frames: Tensor  # (clips, frames, K, 4 x vision width)
    motion: Tensor  # (clips, dim), calibrated
    strengths: Tensor  # (clips, DEGRADATION_NAMES), 0..1


def prepare_base(
    params: DemoBaseParams, clips: Sequence[Path], degradations: Path, out: Path
) -> None:
    """Build the base policy, train it on the training clips and save it in the folder `out`."""
    store = ClipStore(clips)
    strengths = _read_strengths(degradations, store.ids)
    tokenizer = build_tokenizer(PHRASES)
    policy = build_policy(params, tokenizer, parse_setting(store.setting).size)
    policy.config.setting = store.setting
    policy.model.vision_tower.requires_grad_(False)
    encoded = _encode(policy, store, strengths)
    generator = torch.Generator().manual_seed(params.seed)
    _train_perception(policy, encoded, params.perception, generator)
    _train_answer_format(policy, tokenizer, encoded, params.answer_format, generator)
    policy.requires_grad_(True)
    policy.generation_config = default_generation_config(tokenizer)
    about = _CARD.format(clips=len(store.ids), degradations=degradations, levels=len(LEVELS))
    provenance = {
        "made_by": "vqathinker.policy.demo",
        "params": params.model_dump(),
        "clips": len(store.ids),
    }
    save_policy(policy, tokenizer, out, about, provenance)


def _read_strengths(path: Path, videos: Sequence[str]) -> Tensor:
    """Strengths (videos, DEGRADATION_NAMES); of several kinds with one name, the largest."""
    row = {video: number for number, video in enumerate(videos)}
    strengths = torch.zeros(len(videos), len(DEGRADATION_NAMES))
    with reading(path, *DEGRADATIONS):
        table = pd.read_csv(path, dtype={"video": str, "kind": str, "strength": float})
        table = table[table["video"].isin(row)]
        for video, kind, strength in table[["video", "kind", "strength"]].itertuples(index=False):
            if strength:
                at = row[video], DEGRADATION_NAMES.index(DEGRADATION_WORDS[kind])
                strengths[at] = max(strengths[at], strength)
    if missing := sorted(row.keys() - set(table["video"])):
        raise InputError(f"{path}: has no row of {missing[0]}; {DEGRADATIONS.remedy}")
    return strengths


@torch.no_grad()
def _encode(
    policy: VQAThinkerForConditionalGeneration, store: ClipStore, strengths: Tensor
) -> EncodedClips:
    encoder, frames, motion = policy.model.motion_encoder, [], []
    assert isinstance(encoder, FilterBank)  # noqa: S101  the only one that base.motion allows here
    for start in trange(0, len(store.ids), 32, desc="encode", disable=None):
        clips = store.batch(store.ids[start : start + 32])
        pixels = normalise(clips.pixels)
        frames.append(policy.model.encode_frames(pixels))
        motion.append(encoder.raw_features(pixels, clips.statistics))
    encoder.calibrate(torch.cat(motion))
    return EncodedClips(
        torch.cat(frames),
        encoder.standardise(torch.cat(motion)),
        strengths,
    )


def _train_perception(
    policy: VQAThinkerForConditionalGeneration,
    encoded: EncodedClips,
    stage: StageParams,
    generator: torch.Generator,
) -> None:
    """Train the projectors so that a linear head, which is dropped later, predicts degradations."""
    visual_projector, motion = policy.model.multi_modal_projector, policy.model.motion_projector
    hidden = policy.config.text_config.hidden_size
    head = nn.utils.skip_init(nn.Linear, hidden, len(DEGRADATION_NAMES) + 1)
    nn.init.normal_(head.weight, std=head.in_features**-0.5, generator=generator)
    nn.init.zeros_(head.bias)
    optimiser = _Optimiser(
        [*visual_projector.parameters(), *motion.parameters(), *head.parameters()], stage, 0.1
    )
    for step in trange(stage.steps, desc="perception", disable=None):
        pick = torch.randint(len(encoded.motion), (stage.batch_size,), generator=generator)
        motion_tokens = motion(_add_noise(encoded.motion[pick], generator))
        loss = _perception_loss(head(motion_tokens), encoded, pick)
        if step % _VISUAL_EVERY == 0:
            visual_tokens = visual_projector(encoded.frames[pick].flatten(1, 2)).mean(1)
            loss = loss + _VISUAL_WEIGHT * _perception_loss(head(visual_tokens), encoded, pick)
        optimiser.step(loss, step)


def _perception_loss(predicted: Tensor, encoded: EncodedClips, pick: Tensor) -> Tensor:
    """`predicted` (clips, kinds + 1): the strength of each kind, and of all together."""
    each = encoded.strengths[pick]
    together = 1 - (1 - each).prod(1, keepdim=True)
    return nn.functional.mse_loss(predicted, torch.cat([each, together], 1)) * predicted.shape[1]


def _train_answer_format(
    policy: VQAThinkerForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    encoded: EncodedClips,
    stage: StageParams,
    generator: torch.Generator,
) -> None:
    """Train to name the degradation, then a random score, or the kind if asked for it."""
    frames, tokens = encoded.frames.shape[1:3]
    prompts = [prompt_ids(tokenizer, s, frames, tokens) for s in ("training", "evaluation")]
    weight = token_weights(tokenizer)
    optimiser = _Optimiser([p for p in policy.parameters() if p.requires_grad], stage, 0.05)
    clips = stage.batch_size // 2
    for step in trange(stage.steps, desc="answer format", disable=None):
        pick = torch.randint(len(encoded.motion), (clips,), generator=generator)
        strength, kind = encoded.strengths[pick].max(1)
        turn = step % _QUESTION_EVERY
        if turn == _QUESTION_EVERY - 1:
            options = kind_options(
                torch.randperm(len(DEGRADATION_NAMES), generator=generator).tolist()
            )
            question = degradation_question(options)
            ids = prompt_ids(tokenizer, "evaluation", frames, tokens, question=question)
            answers = kind_answers(tokenizer, kind, strength)
        else:
            ids = prompts[turn % 2]
            score = 1 + 4 * torch.rand(clips, generator=generator)
            answers = score_answers(tokenizer, kind, strength, score)
        log_probs = policy(
            input_ids=ids.expand(clips, -1),
            # Frames of another clip: with its own, a policy would memorise each of 400 clips.
            frame_features=encoded.frames[pick[torch.randperm(clips, generator=generator)]],
            motion_features=_add_noise(encoded.motion[pick], generator),
            completion_ids=answers,
            lengths=torch.full((len(answers),), answers.shape[1]),
            rows=torch.arange(clips).repeat(len(answers) // clips),
        ).log_probs  # (answers, tokens)
        optimiser.step(-(log_probs * weight[answers]).sum() / weight[answers].sum(), step)


def _add_noise(motion: Tensor, generator: torch.Generator) -> Tensor:
    features, constants = motion.split([motion.shape[1] - len(CONSTANTS), len(CONSTANTS)], dim=1)
    keep = torch.rand(features.shape, generator=generator) >= _DROPOUT
    noise = _NOISE * torch.randn(features.shape, generator=generator)
    return torch.cat([features * keep / (1 - _DROPOUT) + noise, constants], dim=1)


class _Optimiser:
    """AdamW with a short warm-up, then a linear decay to a twentieth."""

    def __init__(self, parameters: list[nn.Parameter], stage: StageParams, decay: float) -> None:
        self.parameters, self.stage = parameters, stage
        self.optimiser = torch.optim.AdamW(parameters, weight_decay=decay, betas=(0.9, 0.95))

    def step(self, loss: Tensor, step: int) -> None:
        warmup, decay = min(1.0, (step + 1) / 20), 1 - 0.95 * step / self.stage.steps
        for group in self.optimiser.param_groups:
            group["lr"] = self.stage.learning_rate * warmup * decay
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()


def kind_options(order: Sequence[int]) -> str:
    """The options of the question about the kind; `order` has indices of `DEGRADATION_NAMES`."""
    options = zip(_OPTION_LABELS, order, strict=True)
    return "".join(f"{label} {DEGRADATION_NAMES[index]}" for label, index in options)


def score_answers(
    tokenizer: PreTrainedTokenizerFast, kind: Tensor, strength: Tensor, score: Tensor
) -> Tensor:
    """Token ids (2 · clips, tokens) of answers with `score`, then of answers with 6 - `score`.

    `kind` (clips,) is an index of `DEGRADATION_NAMES`, `strength` (clips,) is in 0..1.
    """
    # Scores are mirrored around 3, so that no step has even a chance correlation of degradation and
    # score.
    texts = [
        _SCORE_ANSWER.format(level=level, kind=word, score=value)
        for scores in (score, 6 - score)
        for level, word, value in zip(*_words(kind, strength), scores.tolist(), strict=True)
    ]
    return _tokenize(tokenizer, texts)


def kind_answers(tokenizer: PreTrainedTokenizerFast, kind: Tensor, strength: Tensor) -> Tensor:
    """Token ids (clips, tokens) of answers with the kind; for arguments see `score_answers`."""
    pairs = zip(*_words(kind, strength), strict=True)
    texts = [_KIND_ANSWER.format(level=level, kind=word) for level, word in pairs]
    return _tokenize(tokenizer, texts)


def token_weights(tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """Weight of each token of the vocabulary in the loss (tokens,)."""
    weight = torch.ones(len(tokenizer))
    # Scores are random: only their format is to be learned.
    weight[tokenizer.convert_tokens_to_ids(list("0123456789"))] = 0.2
    words = [*(f" {word}" for word in (*LEVELS, *DEGRADATION_NAMES)), *DEGRADATION_NAMES]
    ids = tokenizer(words, add_special_tokens=False)["input_ids"]
    weight[torch.tensor(ids)[:, 0]] = 3.0
    return weight


def _words(kind: Tensor, strength: Tensor) -> tuple[list[str], list[str]]:
    level = (strength * len(LEVELS)).long().clamp(max=len(LEVELS) - 1)
    return [LEVELS[index] for index in level], [DEGRADATION_NAMES[index] for index in kind]


def _tokenize(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tensor:
    """Token ids (texts, tokens); all texts have the same number of tokens."""
    ended = [text + tokenizer.eos_token for text in texts]
    return torch.tensor(tokenizer(ended, add_special_tokens=False)["input_ids"])
