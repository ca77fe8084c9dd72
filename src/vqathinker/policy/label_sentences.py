"""What the labels of a set are, and so what scores of a policy trained on them mean.

The model card, `vqathinker score`, the page of `vqathinker serve` and the report share these
sentences.
"""

from collections.abc import Mapping
from typing import Any

from vqathinker.params.base import RELEASED

_DEMO_SET, _RELEASED_SET = "demo_train", "lsvq_train"
_MEANINGS: dict[str, str] = {
    "computed": "computed from how the clips were made, not judged by people",
    "judged": "mean opinion scores of people",
    "unknown": "of unknown origin: it is not recorded whether people judged them",
}


def training_set(provenance: Mapping[str, Any]) -> str | None:
    """The name of a policy's training set; None if none is recorded."""
    if provenance.get("source") == RELEASED:
        return _RELEASED_SET
    return (provenance.get("trained_on") or {}).get("set")


def describe_scores(provenance: Mapping[str, Any]) -> str:
    """What a policy's training labels are, and how well its scores agree with people."""
    name = training_set(provenance)
    if name is None:
        return f"No training labels are recorded. {_agreement_with_people(name)}"
    default = "judged" if name == _RELEASED_SET else "unknown"  # the authors record no origin
    meaning = _MEANINGS[(provenance.get("trained_on") or {}).get("label_origin", default)]
    return f"The training labels ({name}) are {meaning}. {_agreement_with_people(name)}"


def describe_labels(train_set: str, origins: Mapping[str, str]) -> list[str]:
    """Sentences for a report about the labels of its sets and the agreement with people.

    `origins` are those of the training set, which comes first, and of the benchmarks. A single set
    is both.
    """
    names = list(origins)
    sentences = []
    for origin, meaning in _MEANINGS.items():
        if matching := [name for name in names if origins[name] == origin]:
            sets = "all sets" if matching == names and len(names) > 1 else ", ".join(matching)
            sentences.append(f"The labels (MOS) of {sets} are {meaning}.")
    if judged := [name for name in names[1:] or names if origins[name] == "judged"]:
        return [*sentences, f"Agreement with people is measured on {', '.join(judged)}, see below."]
    return [*sentences, _agreement_with_people(train_set)]


def _agreement_with_people(train_set: str | None) -> str:
    if train_set == _DEMO_SET:
        # Measured with the policy of `make demo`, see docs/results.md.
        return (
            "The policy has seen made videos only. On real ones its SRCC with people's scores is "
            "0.66 (95 % interval 0.41 to 0.81; 40 clips of KoNViD-1k), where 1 is perfect."
        )
    return "Agreement with people on real videos was not measured."
