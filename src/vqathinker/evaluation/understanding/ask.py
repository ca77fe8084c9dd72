"""Ask a policy the questions of a task; right answers are not used.

Source: docs/method.md, section 7. The policy gets the instruction that it was trained with after
another question, and its answer is read from `<answer>`. A policy that is too small to answer in
the right form, or not trained for it, is read without generation: the tokens of each option are
scored directly after `<answer>`, without a thought, and the likeliest option counts.

Of two videos that are compared, every other frame of each is shown, the first video's first. The
number of frames is that of one video, as in the code of Q-Bench-Video's owners.
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
    ask_missing,
    batches_of,
    journal_key,
    load_asked,
    write_times,
)
from vqathinker.evaluation.understanding.answers import (
    ParsedAnswer,
    answer_text,
    read_option,
    write_answers,
)
from vqathinker.evaluation.understanding.questions import LETTERS, Question, order_of, sample
from vqathinker.hashing import code_digest
from vqathinker.journal import open_journal
from vqathinker.params import AnswerParams, Device, EvaluationParams, UnderstandingParams
from vqathinker.policy.answer import Completion
from vqathinker.policy.config import normalise
from vqathinker.policy.folder.checkpoint import Policy
from vqathinker.policy.generation import EncodedPrompts, generate
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.scoring import Scorer
from vqathinker.video.store import ClipStore

_OPEN, _CLOSE = "<answer>", "</answer>"


@dataclass(frozen=True)
class Manner:
    """How policies are asked and read."""

    understanding: UnderstandingParams
    evaluation: EvaluationParams
    answer: AnswerParams


@dataclass(frozen=True)
class _Asked:
    """A question as it is shown."""

    question: Question
    shown: tuple[str, ...]
    ids: Tensor  # (length,)


def ask(  # noqa: PLR0913  each decides what is asked or written
    policy: Path, clips: Sequence[Path], questions: Sequence[Question], how: Manner, *, run: str,
    task: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write a row for each question: the completion, and the option or number it names, or null.

    A question on a video without a clip is not asked and has the status `no_clip`. Two runs on one
    machine write the same bytes, also if one of them was killed and resumed. `times` gets columns
    question and seconds.
    """
    opened = load_asked(
        policy, clips, how.evaluation, how.answer, run=run, benchmark=task, device=device
    )
    loaded, store, own = opened.policy, opened.store, how.understanding
    taken = sample(questions, own.max_questions, own.seed)
    clipless = [one for one in taken if not all(video in store for video in one.videos)]
    there = [one for one in taken if one not in clipless]
    origin = {
        **{key: value for key, value in opened.origin.items() if key != "benchmark"},
        "task": task, "asking": own.model_dump(include={"seed", "answer_by"}),
        "n_questions": len(questions),
        "code": code_digest(),
    }  # fmt: skip
    key = {**journal_key(origin, "ask"), "questions": [repr(question) for question in taken]}

    def answer(batch: Sequence[_Asked]) -> list[dict[str, Any]]:
        return list(_answer(loaded, store, batch, how))

    with open_journal(out, key) as journal:
        batches = _batches(loaded, store.setting, there, how)
        rows = ask_missing(batches, answer, journal, f"{run} {task}", "question")
        write_times(times, rows, "question")
        for question in clipless:
            shown = order_of(question, own.seed)
            rows.append(
                _row(_Asked(question, shown, torch.empty(0)), ParsedAnswer(None, "no_clip"))
            )
        write_answers(out, rows, origin)
        journal.remove()


def _batches(
    loaded: Policy, setting: str, questions: Sequence[Question], how: Manner
) -> list[list[_Asked]]:
    """Questions of one kind whose prompts are equally long, as many as a batch takes."""
    groups: dict[tuple[str, int], list[_Asked]] = defaultdict(list)
    config, (frames, size) = loaded.model.config, map(int, setting.split("x"))
    for question in questions:
        shown = order_of(question, how.understanding.seed)
        ids = prompt_ids(
            loaded.tokenizer, "evaluation", frames, config.tokens_per_frame(size),
            thinking=config.thinking, motion=config.motion_token, question=question.text(shown),
        )  # fmt: skip
        groups[question.kind, len(ids)].append(_Asked(question, shown, ids))
    size = how.evaluation.batch_size
    return [list(batch) for group in groups.values() for batch in batches_of(group, size)]


def _answer(
    loaded: Policy, store: ClipStore, batch: Sequence[_Asked], how: Manner
) -> Iterator[dict[str, Any]]:
    frames = torch.stack([_frames(store, asked.question.videos) for asked in batch])
    prompts = encode_prompts(
        loaded.model, torch.stack([asked.ids for asked in batch]),
        normalise(frames.to(loaded.model.device)),
    )  # fmt: skip
    kind = batch[0].question.kind
    if kind == "rating":
        return _rate(loaded, prompts, batch, how)
    if kind == "choice" and how.understanding.answer_by != "generated":
        return _choose(loaded, prompts, batch, how)
    return _say(loaded, prompts, batch, how)


def _frames(store: ClipStore, videos: Sequence[str]) -> Tensor:
    """Frames (T, 3, S, S) of one video, or half of the frames of each of two."""
    if len(videos) == 1:
        return store.frames(videos[0])
    first, second = (store.frames(video) for video in videos)
    return torch.cat([first[::2], second[1::2]])


def _say(
    loaded: Policy, prompts: EncodedPrompts, batch: Sequence[_Asked], how: Manner
) -> Iterator[dict[str, Any]]:
    end, rows = loaded.tokenizer.eos_token_id, torch.arange(len(batch), device=loaded.model.device)
    ids = generate(loaded.model, prompts, rows, how.evaluation.max_new_tokens, end)
    texts = loaded.tokenizer.batch_decode(ids, skip_special_tokens=True)
    for asked, text, tokens in zip(batch, texts, ids, strict=True):
        completion = Completion(text, tokens[-1:] == [end])
        is_open = asked.question.kind == "open"
        parsed = answer_text(completion) if is_open else read_option(completion, asked.shown)
        yield _row(asked, parsed, completion=text)


def _choose(
    loaded: Policy, prompts: EncodedPrompts, batch: Sequence[_Asked], how: Manner
) -> Iterator[dict[str, Any]]:
    shown = [asked.shown for asked in batch]
    letters = how.understanding.answer_by == "letters"
    chances = option_chances(loaded.model, loaded.tokenizer, prompts, shown, letters=letters)
    for asked, each in zip(batch, chances, strict=True):
        yield _row(asked, ParsedAnswer(asked.shown[each.index(max(each))], "ok"), chances=each)


def _rate(
    loaded: Policy, prompts: EncodedPrompts, batch: Sequence[_Asked], how: Manner
) -> Iterator[dict[str, Any]]:
    scorer = Scorer(loaded.model, loaded.tokenizer, how.evaluation, how.answer)
    names = [f"{asked.question.videos[0]}/{asked.question.number}" for asked in batch]
    for asked, scores in zip(batch, scorer.score(prompts, names), strict=True):
        parsed = ParsedAnswer(None, scores.answer.status)
        score = scores.of(how.evaluation.score)
        yield _row(asked, parsed, completion=scores.completion.text, score=score)


def _row(asked: _Asked, parsed: ParsedAnswer, **more: Any) -> dict[str, Any]:
    question = asked.question
    return {
        "question": question.number, "video": "_cat_".join(question.videos),
        "kind": question.kind, "asked": question.text(asked.shown), "shown": list(asked.shown),
        "status": parsed.status, "said": parsed.text, **more,
    }  # fmt: skip


@torch.no_grad()
def option_chances(
    policy: VQAThinkerForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    prompts: EncodedPrompts,
    shown: Sequence[Sequence[str]],
    *,
    letters: bool,
) -> list[list[float]]:
    """Mean log probability of the tokens of each option and of the closing tag.

    `policy` is in evaluation mode. `prompts` has a row for each question, and `shown` its options
    in the order of the prompt. With `letters`, options are scored by their letter, not their text.
    """
    opened = tokenizer(_OPEN, add_special_tokens=False)["input_ids"]
    texts = [
        (LETTERS[place] if letters else option) + _CLOSE
        for options in shown
        for place, option in enumerate(options)
    ]
    tokens = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    rows = [row for row, options in enumerate(shown) for _ in options]
    lengths = torch.tensor([len(opened) + len(ids) for ids in tokens])
    padded = torch.zeros((len(tokens), int(lengths.max())), dtype=torch.long)
    for number, ids in enumerate(tokens):
        padded[number, : len(opened) + len(ids)] = torch.tensor([*opened, *ids])
    device = policy.device
    scored = policy(
        input_ids=prompts.input_ids, frame_features=prompts.frame_features,
        motion_features=prompts.motion_features, completion_ids=padded.to(device),
        lengths=lengths.to(device), rows=torch.tensor(rows, device=device),
    ).log_probs[:, len(opened) :]  # fmt: skip
    means = iter((scored.sum(1).cpu() / (lengths - len(opened))).tolist())
    return [[next(means) for _ in options] for options in shown]
