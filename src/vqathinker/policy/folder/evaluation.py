"""How the scores in the tables of a policy are made, as the record in its folder keeps it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from vqathinker.errors import InputError
from vqathinker.params import EXPECTATION, ExpectationParams, SamplingParams, ScoreKind

__all__ = ["OwnEvaluation", "own_evaluation"]

_SAMPLING = SamplingParams(answers=16, temperature=1.0, seed=0)  # of older records, which have none


class OwnEvaluation(BaseModel):
    """The parameters of `evaluation` in params.yaml that a score depends on; others are ignored.

    Every key has a default, for the folders of earlier versions. `score` is the kind that the
    tables show; None if it is not known.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    score: ScoreKind | None = None
    sampling: SamplingParams = _SAMPLING
    expectation: ExpectationParams = EXPECTATION


def own_evaluation(record: Mapping[str, Any], source: str) -> OwnEvaluation:
    """The key `evaluation` of a record that was read from `source`.

    Raises:
        InputError: a value in it is of another type, or not one of its choices.
    """
    try:
        return OwnEvaluation.model_validate(record.get("evaluation", {}))
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, ("evaluation", *fault["loc"])))
        raise InputError(
            f"{source}: {key} is {fault['input']!r}. {fault['msg']}; expected what `evaluation` in "
            "params.yaml may hold: correct it there, or take the key out"
        ) from None
