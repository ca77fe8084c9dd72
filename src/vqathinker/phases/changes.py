"""Why a phase is out of date: what its stamp says now, beside what it said before."""

from collections.abc import Mapping
from typing import Any

from vqathinker.phases.trees import leaves
from vqathinker.phases.validation import shorten

__all__ = ["changes_between", "describe_changes"]

_SHOWN = 3  # of the changes of a phase, and of the phases of one change
_SECTIONS = {"params": "", "code": "", "cards": "card ", "versions": "version of "}


def changes_between(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Parameters, files, cards and versions that differ between two contents of a stamp.

    >>> changes_between(
    ...     {"params": {"seed": 1}, "versions": {"scipy": "1.17.1"}},
    ...     {"params": {"seed": 2}, "versions": {"scipy": "1.18.0"}},
    ... )
    ['seed was 1, is 2', 'version of scipy was 1.17.1, is 1.18.0']
    """
    found = list[str]()
    for section, word in _SECTIONS.items():
        if section == "versions" and section not in before and section in now:
            found.append("versions of packages were not recorded")
            continue
        old, new = (
            {".".join(path): value for path, value in leaves(tree.get(section) or {})}
            for tree in (before, now)
        )
        differ = (key for key in old.keys() | new.keys() if _differ(old, new, key))
        found += [f"{word}{key} {_difference(section, old, new, key)}" for key in sorted(differ)]
    return found


def describe_changes(changed: Mapping[str, list[str]]) -> list[str]:
    """A line for all phases that are out of date for the same reason.

    >>> describe_changes({"training-a": ["runs.a.seed was 1, is 2"], "metrics": []})
    ['Out of date: training-a, for runs.a.seed was 1, is 2']
    """
    phases: dict[tuple[str, ...], list[str]] = {}
    for phase, changes in changed.items():
        run = phase.partition("-")[2]
        plain = tuple(each.replace(f"runs.{run}.", "", 1) for each in changes)
        phases.setdefault(plain, []).append(phase)
    return [
        f"Out of date: {_some(names)}, for {_some(changed[names[0]] if len(names) == 1 else why)}"
        for why, names in phases.items()
        if why
    ]


def _differ(old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> bool:
    return key not in old or key not in new or old[key] != new[key]


def _difference(section: str, old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> str:
    if key not in old:
        return "is new" if section in {"code", "cards"} else f"is {_shown(new[key])}, was not there"
    if key not in new:
        return "is gone"
    if section in {"code", "cards"}:
        return "changed"
    return f"was {_shown(old[key])}, is {_shown(new[key])}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else shorten(value)


def _some(items: list[str] | tuple[str, ...]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
