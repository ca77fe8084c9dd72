"""Settings for asking tiny policies."""

from collections.abc import Sequence

from vqathinker.params import AnswerParams, EvaluationParams

SEEN = [f"clip{number}.mp4" for number in range(6)]
# Tiny policies do not use tags, so any number in the text is accepted.
AUTHORS = AnswerParams(parsing="authors", range=None)


def settings(
    batch_size: int = 4,
    score: str = "greedy",
    extra_scores: Sequence[str] = (),
    max_new_tokens: int = 4,
) -> EvaluationParams:
    """Section `evaluation` of params.yaml."""
    known = {"batch_size": batch_size, "score": score, "extra_scores": list(extra_scores)}
    sampling = {"answers": 3, "temperature": 1.0, "seed": 7}
    more = {"max_new_tokens": max_new_tokens, "precision": "fp32", "sampling": sampling}
    return EvaluationParams.model_validate(known | more)
