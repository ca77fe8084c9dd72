"""What is said of a clip: one small record, the same in Python, in tables and in files."""

from dataclasses import dataclass

from vqathinker.choices import ScoreKind

__all__ = ["METHODS", "ClipScore", "Method"]

Method = ScoreKind
METHODS: dict[Method, str] = {
    "greedy": "the number in its likeliest answer",
    "mean": "the mean of answers that are drawn",
    "expected": "the mean over all numbers that it may answer, by their probability",
}


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The score of a clip, and what is needed to understand it.

    Attributes:
        file: the clip, as it was given.
        score: on the scale of the labels that the policy was trained on; None where there is none.
        low, high: 95 % interval of the mean of drawn answers; None for other methods.
        spread: standard deviation of what the policy may say, of `mean` and `expected`; else None.
        reasoning: the thought that the policy wrote before its likeliest answer.
        answer_status: "ok", a status of `policy.answer` where the answer is no score, "missing", or
            one of `video.damage.STATUSES` where the clip cannot be read.
        method: greedy, mean or expected (see `policy.scoring`).
        percentile: percent of the training labels below the score, ties counted half; None where
            the policy does not know its training set.
        warnings: in what the clip lies outside of what the policy has seen.
        failure: a sentence about a clip that cannot be read; None for all others.
    """

    file: str
    score: float | None
    low: float | None
    high: float | None
    spread: float | None
    reasoning: str
    answer_status: str
    method: Method
    percentile: float | None
    warnings: tuple[str, ...] = ()
    failure: str | None = None
