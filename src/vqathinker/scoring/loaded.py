"""A loaded policy that scores one clip at a time.

Prompts, completions and scores are those of `vqathinker predict`: a clip of a benchmark gets the
score in its predictions. Each clip is scored by itself, so its score does not depend on others.
Answers are drawn with a seed from the clip's frames, so its name does not matter.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from scipy.special import stdtrit
from transformers.utils import logging as transformers_logging

from vqathinker.errors import InputError
from vqathinker.params import AnswerParams, Device, EvaluationParams
from vqathinker.policy.config import AUTHORS_SETTING
from vqathinker.policy.device import choose_device, choose_dtype
from vqathinker.policy.folder.checkpoint import evaluation_record, load_policy
from vqathinker.policy.folder.hashes import PROVENANCE
from vqathinker.policy.scoring import ClipScores, Scorer, mean_score
from vqathinker.scoring.results import METHODS, ClipScore, Method
from vqathinker.scoring.sample import LIMITS, Pixels, SampledClip, sample_clip
from vqathinker.scoring.trained_on import TrainedOn, warnings_about
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.decode import resize
from vqathinker.video.sampling import ClipSetting, frame_indices, parse_setting
from vqathinker.video.workers import Limits

_STRICT: Final = AnswerParams(parsing="strict", range=[0, 5])
_MOST_TOKENS: Final = 1024


class LoadedPolicy:
    """A policy that scores clips.

    Attributes:
        folder: where it was loaded from.
        setting: frames x size that it looks at.
        method: the kind of score in its tables; greedy if its folder records none.
        provenance: the record of its origin.
        trained_on: the clips and labels that it was trained on, as recorded.
    """

    def __init__(self, folder: Path, device: Device = "auto") -> None:
        """Load a policy's folder; `vqathinker.load_policy` finds it by name.

        Raises:
            InputError: there is no such device, or the folder holds no whole policy.
        """
        place = choose_device(device)
        self.folder = folder
        with _without_progress_bar():
            self._policy = load_policy(folder, place, choose_dtype("auto", place))
        self.provenance: dict[str, Any] = self._policy.provenance
        config = self._policy.model.config
        setting = config.setting or self.provenance.get("setting") or AUTHORS_SETTING
        self.setting: ClipSetting = parse_setting(str(setting))
        self.trained_on = TrainedOn.of(self.provenance)
        self._evaluation = evaluation_record(self.provenance, str(folder / PROVENANCE))
        self._own_method: Method | None = self._evaluation.score
        self.method: Method = self._own_method or "greedy"
        settings = self.provenance.get("settings", {})
        answer = settings.get("answer")
        self._answer = _STRICT if answer is None else AnswerParams.model_validate(answer)
        # As in training, and no more than the folder's generation config allows.
        limit = self._policy.model.generation_config.max_new_tokens or _MOST_TOKENS
        trained = settings.get("training", {}).get("max_new_tokens") or _MOST_TOKENS
        self._max_new_tokens = min(limit, trained)

    def score(
        self, clip: str | Path, method: Method | None = None, frames: int | None = None,
        seed: int = 0,
    ) -> ClipScore:  # fmt: skip
        """The score of a clip.

        Args:
            clip: a video file.
            method: greedy: the likeliest answer; mean: of drawn answers; expected: over the
                probabilities of every answer; None: the policy's own, `method`.
            frames: how many to look at; None: as many as in training.
            seed: of the drawn answers.

        Raises:
            FileNotFoundError: there is no such file.
            DamagedVideo: the clip cannot be read.
            JobError: the system failed to read the file.
        """
        return self.score_sampled(self.sample(clip, frames), method, seed)

    def score_many(
        self, clips: Iterable[str | Path], method: Method | None = None, frames: int | None = None,
        seed: int = 0,
    ) -> Iterator[ClipScore]:  # fmt: skip
        """The scores of clips, one by one; an unreadable one has a `failure` and no score."""
        for clip in clips:
            try:
                yield self.score(clip, method, frames, seed)
            except FileNotFoundError:
                yield failed(clip, method or self.method, "missing", "no such file")
            except DamagedVideo as damage:
                yield failed(clip, method or self.method, damage.status, damage.reason)

    def score_frames(
        self, frames: Pixels, method: Method | None = None, seed: int = 0, *,
        name: str = "frames", count: int | None = None,
    ) -> ClipScore:  # fmt: skip
        """The score of a clip whose frames are in memory.

        Args:
            frames: uint8 [frames, height, width, 3], RGB 0..255, upright. Either all frames of the
                clip, which are sampled as those of a file are, or the `pixels` of `sample`. An
                array of exactly the frames and size that the policy looks at is used unchanged,
                without warnings.
            method, seed: as in `score`.
            name: of the clip, for the result.
            count: how many frames to look at, as `frames` of `sample`; None: as in training.

        Raises:
            InputError: another type or shape.
        """
        return self.score_sampled(self.sample_frames(frames, name, count), method, seed)

    def sample(
        self, clip: str | Path, frames: int | None = None, limits: Limits = LIMITS
    ) -> SampledClip:
        """The frames of a clip that the policy looks at; raises as `score`."""
        return sample_clip(Path(clip), self.shape(frames), limits)

    def sample_frames(
        self, frames: Pixels, name: str = "frames", count: int | None = None
    ) -> SampledClip:
        """What the policy looks at of frames in memory; arguments and errors as `score_frames`."""
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
            raise InputError(
                f"{name}: {frames.dtype} {list(frames.shape)}; expected uint8 [frames, height, "
                "width, 3]: RGB, 0 to 255"
            )
        shape = self.shape(count)
        if frames.shape[:3] == (shape.frames, shape.size, shape.size):
            return SampledClip(name, frames, tuple(range(shape.frames)), (), None, None)
        indices = frame_indices(len(frames), shape.frames)
        resized = np.stack([resize(frames[i], shape.size) for i in indices])  # (n, 3, size, size)
        pixels = np.ascontiguousarray(resized.transpose(0, 2, 3, 1))
        return SampledClip(name, pixels, tuple(indices), (), None, None)

    def score_sampled(
        self, clip: SampledClip, method: Method | None = None, seed: int = 0
    ) -> ClipScore:
        """The score of a clip of `sample`; `method` and `seed` as in `score`."""
        return self.result_of(clip, self.ask(clip, method, seed), method)

    def result_of(
        self, clip: SampledClip, answers: ClipScores, method: Method | None = None
    ) -> ClipScore:
        """The answers of `ask` as a result."""
        method = method or self.method
        low, high, spread = _interval(answers, method)
        score = answers.of(method)
        return ClipScore(
            file=clip.file, score=score, low=low, high=high, spread=spread,
            reasoning=reasoning_of(answers.completion.text), answer_status=answers.answer.status,
            method=method, percentile=self.trained_on.percentile(score),
            warnings=tuple(warnings_about(clip, self.setting, self.trained_on)),
        )  # fmt: skip

    @property
    def digest(self) -> str:
        """SHA-256 over the policy's weights, configuration and tokenizer."""
        return str(self.provenance["policy"])

    @property
    def scale(self) -> tuple[float, float] | None:
        """Least and greatest training label, or the range of accepted answers; None: any number."""
        mos = self.trained_on.mos
        return (mos[0], mos[-1]) if mos else self._answer.limits

    def about(self) -> dict[str, Any]:
        """What a score of this policy means, ready for JSON.

        Returns:
            `folder`, `sha256`, `setting`, `trained_on` (name of the set), `videos` (of it), `scale`
            and `own_method` (the kind of score in its tables; None if its folder records none).
        """
        return {
            "folder": self.folder.as_posix(), "sha256": self.digest, "setting": str(self.setting),
            "trained_on": self.trained_on.set, "videos": self.trained_on.videos,
            "scale": None if self.scale is None else list(self.scale),
            "own_method": self._own_method,
        }  # fmt: skip

    def __str__(self) -> str:
        trained = self.trained_on.set or "no recorded scores"
        count = f" ({self.trained_on.videos} videos)" if self.trained_on.videos else ""
        scale = ", scores {:g} to {:g}".format(*self.scale) if self.scale else ""
        folder = self.folder.as_posix()
        return f"policy {folder}, {self.setting}, trained on {trained}{count}{scale}"

    def describe_method(self, method: Method | None = None) -> str:
        """A sentence on a kind of score, and on whether it is the one in the policy's tables."""
        asked = method or self.method
        if self._own_method is None:
            own = "the policy's folder records no kind of its own"
        elif asked == self._own_method:
            own = "as in the policy's tables"
        else:
            own = f"the policy's tables show `{self._own_method}`, which differs from this score"
        return f"`{asked}` score: {METHODS[asked]}; {own}"

    def ask(
        self, clip: SampledClip, method: Method | None = None, seed: int = 0,
        name: str | None = None, beside: Sequence[Method] = (),
    ) -> ClipScores:  # fmt: skip
        """All answers of the policy to a clip.

        `name` seeds the draws instead of the clip's frames; `beside` are further kinds of score.
        """
        how = EvaluationParams(
            batch_size=1, max_new_tokens=self._max_new_tokens, precision="auto",
            score=method or self.method, extra_scores=list(beside),
            sampling=self._evaluation.sampling.model_copy(update={"seed": seed}),
            expectation=self._evaluation.expectation,
        )  # fmt: skip
        scorer = Scorer(self._policy.model, self._policy.tokenizer, how, self._answer)
        frames = torch.from_numpy(np.ascontiguousarray(clip.pixels.transpose(0, 3, 1, 2)))
        seed_name = name or hashlib.sha256(clip.pixels.tobytes()).hexdigest()
        [answers] = scorer.score_clips(frames[None], [seed_name])  # (1, frames, 3, size, size)
        return answers

    def shape(self, frames: int | None) -> ClipSetting:
        """The setting, with another number of frames if one is given."""
        return ClipSetting(frames or self.setting.frames, self.setting.size)


@contextmanager
def _without_progress_bar() -> Iterator[None]:
    """Disable transformers' bar, which is pointless for a policy that loads in a moment."""
    enabled = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            transformers_logging.enable_progress_bar()


def _interval(
    answers: ClipScores, method: Method
) -> tuple[float | None, float | None, float | None]:
    """Ends of the 95 % interval of the mean by Student's t, and the standard deviation."""
    if method == "expected":
        return None, None, answers.expected.spread if answers.expected else None
    if method == "greedy":
        return None, None, None
    mean, spread = mean_score(answers.samples)
    if mean is None or spread is None:
        return None, None, None
    number = sum(answer.score is not None for answer in answers.samples)
    reach = float(stdtrit(number - 1, 0.975)) * spread / number**0.5
    return mean - reach, mean + reach, spread


def failed(clip: str | Path, method: Method, status: str, reason: str) -> ClipScore:
    """The result of a clip that cannot be read."""
    return ClipScore(
        file=str(clip), score=None, low=None, high=None, spread=None, reasoning="",
        answer_status=status, method=method, percentile=None, failure=reason,
    )  # fmt: skip


def reasoning_of(completion: str) -> str:
    """The thought before the answer of a completion, without tags.

    >>> reasoning_of("<think>I see blur.</think><answer>2.31</answer>")
    'I see blur.'
    """
    thought, _, _ = completion.partition("<answer>")
    return thought.replace("<think>", "").replace("</think>", "").strip()
