"""The demo's base policy: a tiny InternVL that sees degradations and knows the answer format.

It is to the demo what InternVL3 is to the paper. Two stages train it, neither with a MOS: in
*perception* the projectors learn to recognise kind and strength of a degradation; in *speech* the
language model learns to name both, and to answer with a random score or, if asked for the kind of
degradation, with that kind. The image encoder is not trained.
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
from vqathinker.policy.inputs import generation_defaults, prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.filter_bank import FilterBank
from vqathinker.policy.prompt import KINDS, LEVELS, WORDS, degradation_question
from vqathinker.policy.tiny import build_policy, build_tokenizer
from vqathinker.products import DEGRADATIONS
from vqathinker.video.store import ClipStore

_THOUGHT = "<think>I see {level} {kind}.</think><answer>{score:.2f}</answer>"
_MARKS = ("A:", *(f", {letter}:" for letter in "BCDE"))
PHRASES = ("I see", ".", *(f" {word}" for word in (*LEVELS, *WORDS)), *WORDS, *_MARKS)
_ATTRIBUTION = "<think>I see {level} {kind}.</think><answer>{kind}</answer>"
_JITTER = 0.05  # noise on the motion feature, in its standard deviations: 900 clips are few
_VISUAL_WEIGHT = 0.3  # weight of telling kind and strength from the frames alone,
_VISUAL_EVERY = 12  # in one step of so many: frames cost more than they tell
_QUESTION_EVERY = 5  # in one step of speech of so many, the kind is asked for and not the score
_CARD = """\
A tiny policy with InternVL's architecture, made for the demo; it has no use outside of it.

It was taught on {clips} clips of the training set, from {degradations}: kind and strength of each
clip's one degradation, in {levels} levels, the form of an answer with scores drawn at random from
1 to 5, and to answer with the kind where that is asked for. It has seen no MOS, and no clip of a
benchmark. It sees through its motion token; its image encoder is untrained, and the visual tokens
say little.
"""


@dataclass(frozen=True)
class EncodedClips:
    """Encoded clips with their degradation."""

    frames: Tensor  # (clips, frames, K, 4 x vision width)
    motion: Tensor  # (clips, dim), calibrated
    kind: Tensor  # (clips,), into WORDS
    strength: Tensor  # (clips,), 0..1


def prepare_base(
    params: DemoBaseParams, clips: Sequence[Path], degradations: Path, out: Path
) -> None:
    """Build the base policy, train it on the training clips and save it in the folder `out`.

    Raises:
        InputError: a clip has no row in `degradations`, or one of a kind there is no word for.
    """
    store = ClipStore(clips)
    with reading(degradations, *DEGRADATIONS):
        table = pd.read_csv(degradations, dtype={"video": str}).set_index("video")
        table = table.astype({"kind": str, "strength": float})
    unknown = sorted(set(store.ids) - set(table.index)) or sorted(set(table["kind"]) - set(KINDS))
    if unknown:
        raise InputError(
            f"{degradations}: nothing to say about {', '.join(unknown[:5])}; expected a row for "
            f"every clip, of one of the kinds {', '.join(KINDS)}"
        )
    first = store.frames(store.ids[0])
    tokenizer = build_tokenizer(PHRASES)
    policy = build_policy(params, tokenizer, first.shape[-1])
    policy.config.setting = store.setting
    policy.model.vision_tower.requires_grad_(False)
    encoded = _encode(policy, store, table)
    generator = torch.Generator().manual_seed(params.seed)
    _train_perception(policy, encoded, params.perception, generator)
    _train_speech(policy, tokenizer, encoded, params.answer_format, generator)
    policy.requires_grad_(True)
    policy.generation_config = generation_defaults(tokenizer)
    about = _CARD.format(clips=len(store.ids), degradations=degradations, levels=len(LEVELS))
    provenance = {
        "made_by": "vqathinker.policy.demo", "params": params.model_dump(), "clips": len(store.ids)
    }  # fmt: skip
    save_policy(policy, tokenizer, out, about, provenance)


@torch.no_grad()
def _encode(
    policy: VQAThinkerForConditionalGeneration, store: ClipStore, table: pd.DataFrame
) -> EncodedClips:
    encoder, frames, motion = policy.model.motion_encoder, [], []
    assert isinstance(encoder, FilterBank)  # noqa: S101  the only one that base.motion allows here
    for start in trange(0, len(store.ids), 32, desc="encode", disable=None):
        pixels = normalise(store.batch(store.ids[start : start + 32]))
        frames.append(policy.model.encode_frames(pixels))
        motion.append(encoder.raw_features(pixels))
    encoder.calibrate(torch.cat(motion))
    rows = table.loc[store.ids]
    return EncodedClips(
        torch.cat(frames),
        encoder.standardise(torch.cat(motion)),
        torch.tensor([WORDS.index(KINDS[kind]) for kind in rows["kind"]]),
        torch.tensor(rows["strength"].to_numpy(), dtype=torch.float32),
    )


def _train_perception(
    policy: VQAThinkerForConditionalGeneration, encoded: EncodedClips, how: StageParams,
    generator: torch.Generator,
) -> None:  # fmt: skip
    """A throw-away linear head reads kind and strength off the tokens; the projectors learn."""
    visual_projector, motion = policy.model.multi_modal_projector, policy.model.motion_projector
    hidden = policy.config.text_config.hidden_size
    head = nn.utils.skip_init(nn.Linear, hidden, len(WORDS) + 1)
    nn.init.normal_(head.weight, std=head.in_features**-0.5, generator=generator)
    nn.init.zeros_(head.bias)
    optimiser = _Optimiser(
        [*visual_projector.parameters(), *motion.parameters(), *head.parameters()], how, 0.1
    )
    for step in trange(how.steps, desc="perception", disable=None):
        pick = torch.randint(len(encoded.kind), (how.batch_size,), generator=generator)
        motion_tokens = motion(_jittered(encoded.motion[pick], generator))
        loss = _perception_loss(head(motion_tokens), encoded, pick)
        if step % _VISUAL_EVERY == 0:
            visual_tokens = visual_projector(encoded.frames[pick].flatten(1, 2)).mean(1)
            loss = loss + _VISUAL_WEIGHT * _perception_loss(head(visual_tokens), encoded, pick)
        optimiser.step(loss, step)


def _perception_loss(predicted: Tensor, encoded: EncodedClips, pick: Tensor) -> Tensor:
    """`predicted` (clips, kinds + 1): the strength of each kind, and of whichever it is."""
    strength = encoded.strength[pick, None]
    each = nn.functional.one_hot(encoded.kind[pick], len(WORDS)) * strength
    return nn.functional.mse_loss(predicted, torch.cat([each, strength], 1)) * predicted.shape[1]


def _train_speech(
    policy: VQAThinkerForConditionalGeneration, tokenizer: PreTrainedTokenizerFast,
    encoded: EncodedClips, how: StageParams, generator: torch.Generator,
) -> None:  # fmt: skip
    """Say what is seen, then a random score; prompts of training and evaluation in turn. Every
    fifth prompt asks for the kind of degradation, its options in an order that is drawn.

    Every clip of a step is spoken of twice, with scores that mirror each other around 3, so that no
    step holds even a chance trend from what is seen to the score. The frames are another clip's:
    from 900 of its own, a policy would learn to know each by heart.
    """
    frames, tokens = encoded.frames.shape[1:3]
    prompts = [prompt_ids(tokenizer, s, frames, tokens) for s in ("training", "evaluation")]
    weight = token_weights(tokenizer)
    optimiser = _Optimiser([p for p in policy.parameters() if p.requires_grad], how, 0.05)
    clips = how.batch_size // 2
    for step in trange(how.steps, desc="speech", disable=None):
        pick = torch.randint(len(encoded.kind), (clips,), generator=generator)
        turn = step % _QUESTION_EVERY
        if turn == _QUESTION_EVERY - 1:
            question = question_in_order(torch.randperm(len(WORDS), generator=generator).tolist())
            ids = prompt_ids(tokenizer, "evaluation", frames, tokens, question=question)
            answers = attributions(tokenizer, encoded.kind[pick], encoded.strength[pick])
        else:
            ids = prompts[turn % 2]
            score = 1 + 4 * torch.rand(clips, generator=generator)
            answers = scored_answers(tokenizer, encoded.kind[pick], encoded.strength[pick], score)
        said = policy(
            input_ids=ids.expand(clips, -1),
            frame_features=encoded.frames[pick[torch.randperm(clips, generator=generator)]],
            motion_features=_jittered(encoded.motion[pick], generator),
            completion_ids=answers, lengths=torch.full((len(answers),), answers.shape[1]),
            rows=torch.arange(clips).repeat(len(answers) // clips),
        ).log_probs  # fmt: skip
        optimiser.step(-(said * weight[answers]).sum() / weight[answers].sum(), step)


def _jittered(motion: Tensor, generator: torch.Generator) -> Tensor:
    return motion + _JITTER * torch.randn(motion.shape, generator=generator)


class _Optimiser:
    """AdamW with a short warm-up and a linear way down to a twentieth."""

    def __init__(self, parameters: list[nn.Parameter], how: StageParams, decay: float) -> None:
        self.parameters, self.how = parameters, how
        self.optimiser = torch.optim.AdamW(parameters, weight_decay=decay, betas=(0.9, 0.95))

    def step(self, loss: Tensor, step: int) -> None:
        rise, fall = min(1.0, (step + 1) / 20), 1 - 0.95 * step / self.how.steps
        for group in self.optimiser.param_groups:
            group["lr"] = self.how.learning_rate * rise * fall
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()


def question_in_order(order: Sequence[int]) -> str:
    """The question on the kind of degradation; `order` are places in `WORDS`, each once."""
    shown = [f"{mark} {WORDS[word]}" for mark, word in zip(_MARKS, order, strict=True)]
    return degradation_question("".join(shown))


def scored_answers(
    tokenizer: PreTrainedTokenizerFast, kind: Tensor, strength: Tensor, score: Tensor
) -> Tensor:
    """Token ids (2 x clips, tokens): true words and the `score`, then the same words and 6 less it.

    `kind` (clips,) is a place in `WORDS`, `strength` (clips,) lies in 0..1.
    """
    texts = [
        _THOUGHT.format(level=level, kind=word, score=value)
        for scores in (score, 6 - score)
        for level, word, value in zip(*_said(kind, strength), scores.tolist(), strict=True)
    ]
    return _ids(tokenizer, texts)


def attributions(tokenizer: PreTrainedTokenizerFast, kind: Tensor, strength: Tensor) -> Tensor:
    """Token ids (clips, tokens): true words, and the kind as the answer; see `scored_answers`."""
    pairs = zip(*_said(kind, strength), strict=True)
    return _ids(tokenizer, [_ATTRIBUTION.format(level=level, kind=word) for level, word in pairs])


def token_weights(tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """What is seen counts most; digits are noise, of which only the form is to be learned.

    A weight for each token of the vocabulary (tokens,).
    """
    weight = torch.ones(len(tokenizer))
    weight[tokenizer.convert_tokens_to_ids(list("0123456789"))] = 0.2
    said = [*(f" {word}" for word in (*LEVELS, *WORDS)), *WORDS]
    ids = tokenizer(said, add_special_tokens=False)["input_ids"]
    weight[torch.tensor(ids)[:, 0]] = 3.0
    return weight


def _said(kind: Tensor, strength: Tensor) -> tuple[list[str], list[str]]:
    level = (strength * len(LEVELS)).long().clamp(max=len(LEVELS) - 1)
    return [LEVELS[place] for place in level], [WORDS[place] for place in kind]


def _ids(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tensor:
    ended = [text + tokenizer.eos_token for text in texts]
    return torch.tensor(tokenizer(ended, add_special_tokens=False)["input_ids"])
