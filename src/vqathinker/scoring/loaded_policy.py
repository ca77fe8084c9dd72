"""A loaded policy that scores one clip at a time.

Prompts, completions and scores are computed as in `vqathinker predict`, so a clip of a benchmark
gets the same score as in its predictions. Clips are not batched, so the score of one does not
depend on others. The random seed for sampled answers is derived from the frames of the clip, so the
file name does not change the score.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import torch
from scipy.special import stdtrit
from transformers.utils import logging as transformers_logging

from vqathinker.errors import InputError
from vqathinker.params import AnswerParams, Device, EvaluationParams, ScoreKind
from vqathinker.policy.config import AUTHORS_SETTING
from vqathinker.policy.device import choose_device, choose_dtype
from vqathinker.policy.folder.checkpoint import evaluation_record, load_policy
from vqathinker.policy.folder.hashes import PROVENANCE
from vqathinker.policy.scoring import ClipScores, Scorer, mean_score
from vqathinker.scoring.results import METHODS, ClipScore
from vqathinker.scoring.sample import LIMITS, Pixels, SampledClip, sample_clip
from vqathinker.scoring.trained_on import TrainedOn, clip_warnings
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.readers import FrameTransform
from vqathinker.video.sampling import ClipSetting, frame_indices, parse_setting
from vqathinker.video.store import Clips
from vqathinker.video.views import sample_frames
from vqathinker.video.workers import Limits

T = TypeVar("T")

_DEFAULT_ANSWER: Final = AnswerParams(parsing="strict", range=[0, 5])
_MAX_NEW_TOKENS: Final = 1024


class LoadedPolicy:
    """A policy that scores clips.

    Attributes:
        folder: the folder from which it was loaded.
        setting: number and size of the frames that it looks at.
        method: the kind of score in its result tables; greedy if its folder does not record one.
        provenance: the content of its provenance.json.
        trained_on: properties of its training clips and labels.
    """

    def __init__(self, folder: Path, device: Device = "auto") -> None:
        """Load a policy folder; `vqathinker.load_policy` also finds policies by name.

        Raises:
            InputError: there is no such device, or the policy folder is incomplete.
        """
        place = choose_device(device)
        self.folder = folder
        with _no_progress_bar():
            self._policy = load_policy(folder, place, choose_dtype("auto", place))
        self.provenance: dict[str, Any] = self._policy.provenance
        config = self._policy.model.config
        setting = config.setting or self.provenance.get("setting") or AUTHORS_SETTING
        self.setting: ClipSetting = parse_setting(str(setting))
        self.trained_on = TrainedOn.from_provenance(self.provenance)
        self._evaluation = evaluation_record(self.provenance, str(folder / PROVENANCE))
        self._own_method: ScoreKind | None = self._evaluation.score
        self.method: ScoreKind = self._own_method or "greedy"
        settings = self.provenance.get("settings", {})
        answer = settings.get("answer")
        self._answer = _DEFAULT_ANSWER if answer is None else AnswerParams.model_validate(answer)
        # As in training, within the limit of the generation config in the folder.
        limit = self._policy.model.generation_config.max_new_tokens or _MAX_NEW_TOKENS
        trained = settings.get("training", {}).get("max_new_tokens") or _MAX_NEW_TOKENS
        self._max_new_tokens = min(limit, trained)

    def score(
        self, clip: str | Path, method: ScoreKind | None = None, frames: int | None = None,
        seed: int = 0,
    ) -> ClipScore:  # fmt: skip
        """Score a clip.

        Args:
            clip: a video file.
            method: "greedy" is the most likely answer, "mean" the mean of sampled answers, and
                "expected" the expectation over all answers; None selects `self.method`.
            frames: number of frames to look at; None selects the number used in training.
            seed: random seed for sampled answers.

        Raises:
            FileNotFoundError: there is no such file.
            DamagedVideo: the clip cannot be read.
            JobError: the system failed to read the file.
        """
        return self.score_sampled(self.sample(clip, frames), method, seed)

    def score_many(
        self, clips: Iterable[str | Path], method: ScoreKind | None = None,
        frames: int | None = None, seed: int = 0,
    ) -> Iterator[ClipScore]:  # fmt: skip
        """Score clips one by one; for an unreadable clip, `failure` is set instead of a score."""
        for clip in clips:
            try:
                yield self.score(clip, method, frames, seed)
            except FileNotFoundError:
                status, reason = "missing", "no such file"
            except DamagedVideo as damage:
                status, reason = damage.status, damage.reason
            else:
                continue
            yield ClipScore(
                file=str(clip), answer_status=status, method=method or self.method, failure=reason
            )

    def score_frames(
        self, frames: Pixels, method: ScoreKind | None = None, seed: int = 0, *,
        name: str = "frames", count: int | None = None,
    ) -> ClipScore:  # fmt: skip
        """Score a clip whose frames are in memory.

        Args:
            frames: uint8 [frames, height, width, 3], RGB 0..255, upright: all frames of the clip,
                which are sampled like those of a file. In view resize, an array with exactly the
                number and size of frames that the policy looks at is used unchanged; for the
                frames of `sample`, see `score_sampled`.
            method, seed: as in `score`.
            name: name of the clip in the result.
            count: number of frames to look at, like `frames` of `sample`; None: as in training.

        Raises:
            InputError: `frames` has another type or shape.
        """
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
            raise InputError(
                f"{name}: {frames.dtype} {list(frames.shape)}; expected uint8 [frames, height, "
                "width, 3]: RGB, 0 to 255"
            )
        setting = self.setting_for(count)
        is_sampled = frames.shape[:3] == (setting.frames, setting.size, setting.width)
        if is_sampled and setting.tiles:
            raise InputError(
                f"{name}: these are tiles, whose score also needs statistics of the native frames; "
                "expected all native frames of the clip: pass those, or pass the result of "
                "`sample` to `score_sampled`"
            )
        if is_sampled:
            indices = list(range(setting.frames))
        else:
            indices = frame_indices(len(frames), setting.frames)
        seen = sample_frames(_FramesInMemory(frames), indices, setting)
        pixels = np.ascontiguousarray(seen.frames.transpose(0, 2, 3, 1))
        clip = SampledClip(name, pixels, tuple(indices), statistics=seen.statistics)
        return self.score_sampled(clip, method, seed)

    def sample(
        self, clip: str | Path, frames: int | None = None, limits: Limits = LIMITS
    ) -> SampledClip:
        """Decode the frames of a clip that the policy looks at; raises the same as `score`."""
        return sample_clip(Path(clip), self.setting_for(frames), limits)

    def score_sampled(
        self, clip: SampledClip, method: ScoreKind | None = None, seed: int = 0
    ) -> ClipScore:
        """Score the frames from `sample`; `method` and `seed` as in `score`."""
        return self.to_result(clip, self.ask(clip, method, seed), method)

    def to_result(
        self, clip: SampledClip, answers: ClipScores, method: ScoreKind | None = None
    ) -> ClipScore:
        """Convert the answers from `ask` to a result."""
        method = method or self.method
        low, high, spread = _interval(answers, method)
        score = answers.of(method)
        return ClipScore(
            file=clip.file, score=score, low=low, high=high, spread=spread,
            reasoning=_reasoning(answers.completion.text), answer_status=answers.answer.status,
            method=method, percentile=self.trained_on.percentile(score),
            warnings=tuple(clip_warnings(clip, self.setting, self.trained_on)),
        )  # fmt: skip

    @property
    def scale(self) -> tuple[float, float] | None:
        """Lowest and highest training label, else the range of valid answers; None: no limits."""
        mos = self.trained_on.mos
        return (mos[0], mos[-1]) if mos else self._answer.limits

    def metadata(self) -> dict[str, Any]:
        """Facts about the policy that a reader of its scores needs, ready for JSON.

        Returns:
            `folder`, `sha256` (hash of weights, configuration and tokenizer), `setting`,
            `trained_on` (name of the training set), `videos` (their number), `scale`, and
            `own_method` (the kind of score in its result tables, or None).
        """
        return {
            "folder": self.folder.as_posix(), "sha256": self.provenance["policy"],
            "setting": str(self.setting), "trained_on": self.trained_on.set,
            "videos": self.trained_on.videos,
            "scale": None if self.scale is None else list(self.scale),
            "own_method": self._own_method,
        }  # fmt: skip

    def __str__(self) -> str:
        trained = self.trained_on.set or "no recorded scores"
        count = f" ({self.trained_on.videos} videos)" if self.trained_on.videos else ""
        scale = ", scores {:g} to {:g}".format(*self.scale) if self.scale else ""
        folder = self.folder.as_posix()
        return f"policy {folder}, {self.setting}, trained on {trained}{count}{scale}"

    def describe_method(self, method: ScoreKind | None = None) -> str:
        """A sentence that explains a kind of score and compares it with the policy's tables."""
        method = method or self.method
        if self._own_method is None:
            tables = "the policy folder does not record which kind its tables show"
        elif method == self._own_method:
            tables = "as in the policy's tables"
        else:
            tables = f"the policy's tables show `{self._own_method}`, which differs from this score"
        return f"`{method}` score: {METHODS[method]}; {tables}"

    def ask(
        self, clip: SampledClip, method: ScoreKind | None = None, seed: int = 0,
        name: str | None = None, extra_scores: Sequence[ScoreKind] = (),
    ) -> ClipScores:  # fmt: skip
        """Generate all answers that a score needs.

        `name` replaces the frames of the clip in the random seed, as in `vqathinker predict`;
        `extra_scores` are additional kinds of score.
        """
        evaluation = EvaluationParams(
            batch_size=1, max_new_tokens=self._max_new_tokens, precision="auto",
            score=method or self.method, extra_scores=list(extra_scores),
            sampling=self._evaluation.sampling.model_copy(update={"seed": seed}),
            expectation=self._evaluation.expectation,
        )  # fmt: skip
        scorer = Scorer(self._policy.model, self._policy.tokenizer, evaluation, self._answer)
        pixels = torch.from_numpy(np.ascontiguousarray(clip.pixels.transpose(0, 3, 1, 2)))
        statistics = None if clip.statistics is None else torch.from_numpy(clip.statistics)[None]
        seed_name = name or hashlib.sha256(clip.pixels.tobytes()).hexdigest()
        [answers] = scorer.score_clips(Clips(pixels[None], statistics), [seed_name])
        return answers

    def setting_for(self, frames: int | None) -> ClipSetting:
        """The policy's setting, with another number of frames if it is not None."""
        return self.setting if frames is None else replace(self.setting, frames=frames)


class _FramesInMemory:
    """Reads frames (n,H,W,3) in memory, at one frame per second."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels, self.frames = pixels, len(pixels)

    def read(
        self, indices: Sequence[int], transform: FrameTransform[T]
    ) -> tuple[list[T], list[float]]:
        return [transform(i, self._pixels[i]) for i in indices], [float(i) for i in indices]


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    # transformers shows a bar while it loads weights, which is noise around a few scores.
    enabled = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            transformers_logging.enable_progress_bar()


def _interval(
    answers: ClipScores, method: ScoreKind
) -> tuple[float | None, float | None, float | None]:
    """Ends of the 95 % interval of the mean by Student's t, and the standard deviation."""
    if method == "expected":
        return None, None, answers.expected.spread if answers.expected else None
    mean, spread = mean_score(answers.samples)
    if method == "greedy" or mean is None or spread is None:
        return None, None, None
    number = sum(answer.score is not None for answer in answers.samples)
    half_width = float(stdtrit(number - 1, 0.975)) * spread / number**0.5
    return mean - half_width, mean + half_width, spread


def _reasoning(completion: str) -> str:
    """The text before the answer of a completion, without tags.

    >>> _reasoning("<think>I see blur.</think><answer>2.31</answer>")
    'I see blur.'
    """
    thought, _, _ = completion.partition("<answer>")
    return thought.replace("<think>", "").replace("</think>", "").strip()
