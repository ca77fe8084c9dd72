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

from vqathinker.evaluation.predict import ask_missing, journal_key, load_asked, write_times
from vqathinker.evaluation.understanding.answers import (
    Said,
    answer_text,
    read_option,
    write_answers,
)
from vqathinker.evaluation.understanding.questions import LETTERS, Question, order_of, sample
from vqathinker.hashing import code_digest
from vqathinker.journal import open_journal
from vqathinker.params import AnswerParams, Device, EvaluationParams, UnderstandingParams
from vqathinker.policy.answer import Completion
from vqathinker.policy.folder.checkpoint import Policy
from vqathinker.policy.generation import EncodedPrompts, generate
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.normalisation import normalise
from vqathinker.policy.scoring import Scorer
from vqathinker.video.store import ClipStore

_SOURCE = Path(__file__).parents[3]
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


def ask(  # noqa: PLR0913  each decides what is said, or where it goes
    policy: Path, clips: Sequence[Path], questions: Sequence[Question], how: Manner, *, run: str,
    task: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write one row a question: what was said, and the option or number that it names, or null.

    A question on a video without a clip is not asked and has the status `no_clip`. Two runs on one
    machine write the same bytes, also where one of them was killed and went on: batches that are
    through are kept beside `out`. `times` gets columns question and seconds.
    """
    opened = load_asked(
        policy, clips, how.evaluation, how.answer, run=run, benchmark=task, device=device
    )
    loaded, store, own = opened.policy, opened.store, how.understanding
    taken = sample(questions, own.max_questions, own.seed)
    origin = {
        **{key: value for key, value in opened.origin.items() if key != "benchmark"},
        "task": task, "asking": own.model_dump(include={"seed", "reading"}),
        "n_questions": len(questions),
        "code": code_digest(Path("evaluation", "understanding", "ask.py"), _SOURCE),
    }  # fmt: skip
    key = {**journal_key(origin, "ask"), "questions": [repr(question) for question in taken]}

    def answer(batch: Sequence[_Asked]) -> list[dict[str, Any]]:
        return list(_answer(loaded, store, batch, how))

    with open_journal(out, key) as journal:
        batches = _batches(loaded, store, taken, how)
        rows = ask_missing(batches, answer, journal, f"{run} {task}", "question")
        write_times(times, rows, "question")
        rows += [
            _unasked(question, own.seed) for question in taken if not _is_there(question, store)
        ]
        write_answers(out, rows, origin)
        journal.remove()


def _is_there(question: Question, store: ClipStore) -> bool:
    return all(video in store for video in question.videos)


def _batches(
    loaded: Policy, store: ClipStore, questions: Sequence[Question], how: Manner
) -> list[list[_Asked]]:
    """Questions of one kind whose prompts are equally long, as many as a batch takes."""
    groups: dict[tuple[str, int], list[_Asked]] = defaultdict(list)
    for question in questions:
        if _is_there(question, store):
            shown = order_of(question, how.understanding.seed)
            ids = _prompt(loaded, store.setting, question.text(shown))
            groups[question.kind, len(ids)].append(_Asked(question, shown, ids))
    size = how.evaluation.batch_size
    return [
        group[start : start + size]
        for group in groups.values()
        for start in range(0, len(group), size)
    ]


def _prompt(loaded: Policy, setting: str, text: str) -> Tensor:
    frames, size = map(int, setting.split("x"))
    config = loaded.model.config
    return prompt_ids(
        loaded.tokenizer, "evaluation", frames, config.tokens_per_frame(size),
        thinking=config.thinking, motion=config.motion_token, question=text,
    )  # fmt: skip


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
    if kind == "choice" and how.understanding.reading != "generated":
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
        said = answer_text(completion) if is_open else read_option(completion, asked.shown)
        yield _row(asked, said, completion=text)


def _choose(
    loaded: Policy, prompts: EncodedPrompts, batch: Sequence[_Asked], how: Manner
) -> Iterator[dict[str, Any]]:
    shown = [asked.shown for asked in batch]
    letters = how.understanding.reading == "letters"
    chances = option_chances(loaded.model, loaded.tokenizer, prompts, shown, letters=letters)
    for asked, each in zip(batch, chances, strict=True):
        yield _row(asked, Said(asked.shown[each.index(max(each))], "ok"), chances=each)


def _rate(
    loaded: Policy, prompts: EncodedPrompts, batch: Sequence[_Asked], how: Manner
) -> Iterator[dict[str, Any]]:
    scorer = Scorer(loaded.model, loaded.tokenizer, how.evaluation, how.answer)
    names = [f"{asked.question.videos[0]}/{asked.question.number}" for asked in batch]
    for asked, told in zip(batch, scorer.score(prompts, names), strict=True):
        score = told.of(how.evaluation.score)
        yield _row(asked, Said(None, told.answer.status), completion=told.completion.text,
                   score=score)  # fmt: skip


def _row(asked: _Asked, said: Said, **more: Any) -> dict[str, Any]:
    question = asked.question
    return {
        "question": question.number, "video": "_cat_".join(question.videos),
        "kind": question.kind, "asked": question.text(asked.shown), "shown": list(asked.shown),
        "status": said.status, "said": said.text, **more,
    }  # fmt: skip


def _unasked(question: Question, seed: int) -> dict[str, Any]:
    shown = order_of(question, seed)
    return _row(_Asked(question, shown, torch.empty(0)), Said(None, "no_clip"))


@torch.no_grad()
def option_chances(
    policy: VQAThinkerForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    prompts: EncodedPrompts,
    shown: Sequence[Sequence[str]],
    *,
    letters: bool,
) -> list[list[float]]:
    """Mean log probability of the tokens of each option of each prompt, the closing tag with them.

    Args:
        policy: in evaluation mode, as it is loaded.
        tokenizer: the policy's.
        prompts: one a question.
        shown: options of each in the order in which they stand in the prompt.
        letters: the option is its letter; else its text.
    """
    opened = tokenizer(_OPEN, add_special_tokens=False)["input_ids"]
    texts = [
        (LETTERS[place] if letters else option) + _CLOSE
        for options in shown
        for place, option in enumerate(options)
    ]
    said = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    rows = [row for row, options in enumerate(shown) for _ in options]
    lengths = torch.tensor([len(opened) + len(ids) for ids in said])
    padded = torch.zeros((len(said), int(lengths.max())), dtype=torch.long)
    for number, ids in enumerate(said):
        padded[number, : len(opened) + len(ids)] = torch.tensor([*opened, *ids])
    device = policy.device
    scored = policy(
        input_ids=prompts.input_ids, frame_features=prompts.frame_features,
        motion_features=prompts.motion_features, completion_ids=padded.to(device),
        lengths=lengths.to(device), rows=torch.tensor(rows, device=device),
    ).log_probs[:, len(opened) :]  # fmt: skip
    means = iter((scored.sum(1).cpu() / (lengths - len(opened))).tolist())
    return [[next(means) for _ in options] for options in shown]
