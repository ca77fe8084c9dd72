"""What the labels of a set are, and so what the scores of a policy that learned from them mean.

The one source of these sentences for the model card, `vqathinker score`, the page of `vqathinker
serve` and the report.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from vqathinker.params.base import RELEASED

_DEMO_SET, _RELEASED_SET = "demo_train", "lsvq_train"
# Origins by `datasets.card.label_origin`, for policies whose record has none.
_KNOWN = {_DEMO_SET: "computed", _RELEASED_SET: "judged"}
_MEANINGS: dict[str, str] = {
    "computed": "computed from how the clips were made, not judged by people",
    "judged": "mean opinion scores of people",
    "unknown": "of unknown origin: it is not recorded whether people judged them",
}


def training_set(provenance: Mapping[str, Any]) -> str | None:
    """The name of the set that a policy learned scores from; None: none is recorded."""
    if provenance.get("source") == RELEASED:
        return _RELEASED_SET
    if told := provenance.get("trained_on"):
        return str(told["set"])
    data = provenance.get("data")
    return PurePosixPath(data).parent.name if data else None


def about_scores(provenance: Mapping[str, Any]) -> str:
    """What a policy's training labels are, and what its scores are worth on real videos."""
    name = training_set(provenance)
    if name is None:
        return f"No training labels are recorded. {_on_real_videos(name)}"
    recorded = (provenance.get("trained_on") or {}).get("label_origin")
    meaning = _MEANINGS[recorded or _KNOWN.get(name, "unknown")]
    return f"The training labels ({name}) are {meaning}. {_on_real_videos(name)}"


def describe_labels_of(train_set: str, origins: Mapping[str, str]) -> list[str]:
    """Sentences for a report: what the labels of its sets are, and what is known of real videos.

    `origins` are those of the training set, which is the first, and of the benchmarks.
    """
    names = list(origins)
    sentences = []
    for origin, meaning in _MEANINGS.items():
        if own := [name for name in names if origins[name] == origin]:
            sets = "all sets" if own == names and len(names) > 1 else ", ".join(own)
            sentences.append(f"The labels (MOS) of {sets} are {meaning}.")
    if judged := [name for name in names[1:] if origins[name] == "judged"]:
        return [*sentences, f"Agreement with people is measured on {', '.join(judged)}, see below."]
    return [*sentences, _on_real_videos(train_set)]


def _on_real_videos(train_set: str | None) -> str:
    if train_set == _DEMO_SET:
        # Measured once, with the policy of `make demo` before version 0.1.
        return (
            "On real videos the demo's policy hardly agrees with people: SRCC 0.09 on 97 clips of "
            "KoNViD-1k, where 0 is no agreement and 1 is perfect."
        )
    return "What a score is worth on real videos was not measured."
