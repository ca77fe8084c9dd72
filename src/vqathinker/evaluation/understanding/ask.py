"""Ask a policy the questions of a task; correct answers are not used.

Source: docs/method.md, section 7. The policy gets the question with the instruction that it was
trained with, and its answer is parsed from `<answer>`. Small policies that do not answer in the
expected form can be scored without generation: the tokens of each option are scored directly after
`<answer>`, without reasoning, and the likeliest option is the answer.

For two videos that are compared, the policy gets every other frame of each, those of the first
video first. The number of frames is that of one video, as in the code of Q-Bench-Video.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vqathinker.evaluation.predict import (
    journal_key,
    open_job,
    run_batches,
    split_batches,
    write_times,
)
from vqathinker.evaluation.understanding.answers import (
    ParsedAnswer,
    answer_text,
    read_option,
    write_answers,
)
from vqathinker.evaluation.understanding.questions import (
    LETTERS,
    Question,
    sample,
    shuffled_options,
)
from vqathinker.hashing import code_digest
from vqathinker.journal import open_journal
from vqathinker.params import AnswerParams, Device, EvaluationParams, UnderstandingParams
from vqathinker.policy.answer import Completion
from vqathinker.policy.folder.checkpoint import Policy
from vqathinker.policy.generation import EncodedPrompts, generate
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.scoring import Scorer
from vqathinker.video.sampling import parse_setting
from vqathinker.video.store import Clips, ClipStore

_OPEN, _CLOSE = "<answer>", "</answer>"


@dataclass(frozen=True)
class AskSettings:
    """Sections of params.yaml that decide how questions are asked and answers parsed."""

    understanding: UnderstandingParams
    evaluation: EvaluationParams
    answer: AnswerParams


@dataclass(frozen=True)
class _PromptedQuestion:
    """A question with its options in the order of the prompt, and the prompt's tokens."""

    question: Question
    options: tuple[str, ...]
    ids: Tensor  # (length,)


_Batch = Sequence[_PromptedQuestion]


def ask(  # noqa: PLR0913  inputs, settings and outputs of a command
    policy: Path, clips: Sequence[Path], questions: Sequence[Question], settings: AskSettings, *,
    run: str, task: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write a row for each question: the completion, and the option or number it names, or null.

    A question on a video without a clip is not asked and has the status `no_clip`. Two runs on one
    machine write the same bytes, even if one was killed and resumed. `times` receives the columns
    question and seconds.
    """
    job = open_job(
        policy, clips, settings.evaluation, settings.answer, run=run, benchmark=task, device=device
    )
    loaded, store, understanding = job.policy, job.store, settings.understanding
    sampled = sample(questions, understanding.max_questions, understanding.seed)
    clipless = [one for one in sampled if not all(video in store for video in one.videos)]
    answerable = [one for one in sampled if one not in clipless]
    origin = {
        **{key: value for key, value in job.origin.items() if key != "benchmark"},
        "task": task, "asking": {"seed": understanding.seed, "answer_by": understanding.answer_by},
        "n_questions": len(questions),
        "code": code_digest(),
    }  # fmt: skip
    key = {**journal_key(origin, "ask"), "questions": [repr(question) for question in sampled]}

    def answer(batch: Sequence[_PromptedQuestion]) -> list[dict[str, Any]]:
        return list(_answer(loaded, store, batch, settings))

    with open_journal(out, key) as journal:
        batches = _batches(loaded, store.setting, answerable, settings)
        rows = run_batches(batches, answer, journal, f"{run} {task}", "question")
        write_times(times, rows, "question")
        for question in clipless:
            options = shuffled_options(question, understanding.seed)
            prompted = _PromptedQuestion(question, options, torch.empty(0))
            rows.append(_row(prompted, ParsedAnswer(None, "no_clip")))
        write_answers(out, rows, origin)
        journal.remove()


def _batches(
    loaded: Policy, setting: str, questions: Sequence[Question], settings: AskSettings
) -> list[list[_PromptedQuestion]]:
    """Batches of questions of one kind with prompts of equal length."""
    groups: dict[tuple[str, int], list[_PromptedQuestion]] = defaultdict(list)
    config, clip = loaded.model.config, parse_setting(setting)
    tokens = config.tokens_per_frame(clip.size, clip.width)
    for question in questions:
        options = shuffled_options(question, settings.understanding.seed)
        ids = prompt_ids(
            loaded.tokenizer, "evaluation", clip.frames, tokens, thinking=config.thinking,
            motion=config.motion_token, question=question.text(options),
        )  # fmt: skip
        groups[question.kind, len(ids)].append(_PromptedQuestion(question, options, ids))
    size = settings.evaluation.batch_size
    return [list(batch) for group in groups.values() for batch in split_batches(group, size)]


def _answer(
    loaded: Policy, store: ClipStore, batch: Sequence[_PromptedQuestion], settings: AskSettings
) -> Iterator[dict[str, Any]]:
    clips = Clips.concatenate([_clip(store, prompted.question.videos) for prompted in batch])
    ids = torch.stack([prompted.ids for prompted in batch])
    prompts = encode_prompts(loaded.model, ids, clips)
    kind = batch[0].question.kind
    if kind == "rating":
        return _rate(loaded, prompts, batch, settings)
    if kind == "choice" and settings.understanding.answer_by != "generated":
        return _pick_likeliest(loaded, prompts, batch, settings)
    return _generate(loaded, prompts, batch, settings)


def _clip(store: ClipStore, videos: Sequence[str]) -> Clips:
    """The clip of one video, or half of the frames of each of two."""
    clips = store.batch(videos)
    if len(videos) == 1:
        return clips
    halves = [clips.select(0, slice(0, None, 2)), clips.select(1, slice(1, None, 2))]
    return Clips.concatenate(halves, dim=1)


def _generate(
    loaded: Policy, prompts: EncodedPrompts, batch: _Batch, settings: AskSettings
) -> Iterator[dict[str, Any]]:
    end, rows = loaded.tokenizer.eos_token_id, torch.arange(len(batch), device=loaded.model.device)
    ids = generate(loaded.model, prompts, rows, settings.evaluation.max_new_tokens, end).ids
    texts = loaded.tokenizer.batch_decode(ids, skip_special_tokens=True)  # also drops the end token
    for prompted, text, tokens in zip(batch, texts, ids, strict=True):
        completion = Completion(text, tokens[-1:] == [end])
        is_open = prompted.question.kind == "open"
        parsed = answer_text(completion) if is_open else read_option(completion, prompted.options)
        yield _row(prompted, parsed, completion=text)


def _pick_likeliest(
    loaded: Policy, prompts: EncodedPrompts, batch: _Batch, settings: AskSettings
) -> Iterator[dict[str, Any]]:
    options = [prompted.options for prompted in batch]
    letters = settings.understanding.answer_by == "letters"
    log_probs = option_log_probs(loaded.model, loaded.tokenizer, prompts, options, letters=letters)
    for prompted, each in zip(batch, log_probs, strict=True):
        likeliest = prompted.options[each.index(max(each))]
        yield _row(prompted, ParsedAnswer(likeliest, "ok"), log_probs=each)


def _rate(
    loaded: Policy, prompts: EncodedPrompts, batch: _Batch, settings: AskSettings
) -> Iterator[dict[str, Any]]:
    scorer = Scorer(loaded.model, loaded.tokenizer, settings.evaluation, settings.answer)
    names = [f"{prompted.question.videos[0]}/{prompted.question.number}" for prompted in batch]
    for prompted, scores in zip(batch, scorer.score_prompts(prompts, names), strict=True):
        parsed = ParsedAnswer(None, scores.answer.status)
        score = scores.of(settings.evaluation.score)
        yield _row(prompted, parsed, completion=scores.completion.text, score=score)


def _row(prompted: _PromptedQuestion, parsed: ParsedAnswer, **more: Any) -> dict[str, Any]:
    question = prompted.question
    return {
        "question": question.number, "video": "_cat_".join(question.videos),
        "kind": question.kind, "question_text": question.text(prompted.options),
        "options": list(prompted.options),
        "status": parsed.status, "answer": parsed.text, **more,
    }  # fmt: skip


@torch.no_grad()
def option_log_probs(
    policy: VQAThinkerForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    prompts: EncodedPrompts,
    options: Sequence[Sequence[str]],
    *,
    letters: bool,
) -> list[list[float]]:
    """Mean log probability of the tokens of each option and of the closing tag.

    `policy` is in evaluation mode. `prompts` has a row for each question, and `options` are in the
    order of the prompt. With `letters`, the letter of an option is scored instead of its text.
    """
    prefix = tokenizer(_OPEN, add_special_tokens=False)["input_ids"]
    texts = [
        (LETTERS[place] if letters else option) + _CLOSE
        for own in options
        for place, option in enumerate(own)
    ]
    tokens = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    rows = [row for row, own in enumerate(options) for _ in own]  # the question of each option
    lengths = torch.tensor([len(prefix) + len(ids) for ids in tokens])
    padded = torch.zeros((len(tokens), int(lengths.max())), dtype=torch.long)  # (options, L)
    for number, ids in enumerate(tokens):
        padded[number, : len(prefix) + len(ids)] = torch.tensor([*prefix, *ids])
    device = policy.device
    # Options of a question share its encoded frames; padding has log probability 0.
    scored = policy(
        input_ids=prompts.input_ids, frame_features=prompts.frame_features,
        motion_features=prompts.motion_features, completion_ids=padded.to(device),
        lengths=lengths.to(device), rows=torch.tensor(rows, device=device),
    ).log_probs[:, len(prefix) :]  # fmt: skip
    # Means, not sums: options have different numbers of tokens.
    means = iter((scored.sum(1).cpu() / (lengths - len(prefix))).tolist())
    return [[next(means) for _ in own] for own in options]
