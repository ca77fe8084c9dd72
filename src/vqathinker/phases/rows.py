"""Rows of `runs` as they are written, spelled out: one for each run, with nothing left to infer.

A row with `seeds` stands for further runs, which differ from it in the seed alone. A row with
`after` starts from the policy that another run evaluates, in place of a base policy.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vqathinker.errors import InputError
from vqathinker.phases.words import nearest

__all__ = ["AFTER", "OF", "SEEDS", "plain_rows", "started_rows"]

SEEDS, OF, AFTER = "seeds", "of", "after"


def plain_rows(runs: Mapping[str, Mapping[str, Any]], seed: Any, source: str) -> dict[str, Any]:
    """Every run by name: a row NAME with `seeds: [43, 44]`, then NAME-seed43 and NAME-seed44.

    These have `of: NAME`, and are of group ablation whatever the row is of: they tell how far a
    result depends on the seed. Any other run has `of: null`.

    Args:
        runs: the rows as written.
        seed: of rows that have none of their own.
        source: the file that they come from, for the messages.

    Raises:
        InputError: `seeds` is no list of distinct whole numbers that the row has not yet, the row
            is not trained, or a run of that name is there already.

    >>> rows = plain_rows({"grpo": {"train": True, "seeds": [43]}}, 42, "params.yaml")
    >>> rows["grpo-seed43"]
    {'train': True, 'seed': 43, 'group': 'ablation', 'of': 'grpo'}
    """
    plain: dict[str, Any] = {}
    for name, row in runs.items():
        if OF in row:
            raise InputError(
                f"{source}: runs.{name}.{OF} is {row[OF]!r}, which no row says of itself; expected "
                f"{SEEDS} in the row that it is another seed of, such as {SEEDS}: [43, 44]"
            )
        own = {key: value for key, value in row.items() if key != SEEDS}
        plain[name] = own | {OF: None}
        for other in _further_seeds(name, row, seed, source):
            further = f"{name}-seed{other}"
            if further in runs:
                raise InputError(
                    f"{source}: runs.{name}.{SEEDS} has {other}, but there is a row {further} "
                    "already; expected one of the two: take the other out"
                )
            plain[further] = own | {"seed": other, "group": "ablation", OF: name}
    return plain


def _further_seeds(name: str, row: Mapping[str, Any], shared: Any, source: str) -> Iterator[int]:
    seeds, own = row.get(SEEDS, []), row.get("seed", shared)
    where = f"{source}: runs.{name}.{SEEDS} is {seeds!r}"
    numbers = isinstance(seeds, list) and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not numbers or len({*seeds, own}) != len(seeds) + 1:
        raise InputError(
            f"{where}, expected a list of distinct whole numbers of at least 0, without the row's "
            f"own seed {own}, such as [43, 44]"
        )
    if seeds and row.get("train") is False:
        raise InputError(
            f"{where}, but train is false and so no seed plays a part; expected none there"
        )
    yield from seeds


def started_rows(runs: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Rows with `after: RUN` or null, and with the `base` that the first of such a chain has.

    Args:
        runs: plain rows.
        source: the file that they come from, for the messages.

    Raises:
        InputError: there is no such run, the runs wait for each other, or a row has a base, too.

    >>> runs = {"sft": {"base": {"name": "a"}}, "both": {"after": "sft"}}
    >>> started_rows(runs, "params.yaml")["both"]
    {'base': {'name': 'a'}, 'after': 'sft'}
    """
    started: dict[str, Any] = {}
    for name, row in runs.items():
        chain = _chain(name, runs, source)
        above = {key: runs[chain[-1]][key] for key in ("base",) if key in runs[chain[-1]]}
        started[name] = above | row | {AFTER: row.get(AFTER)}
    return started


def _chain(name: str, runs: Mapping[str, Any], source: str) -> list[str]:
    """A run, the one that it starts after, and so on to one that starts from a base policy."""
    chain = [name]
    while (before := runs[chain[-1]].get(AFTER)) is not None:
        where = f"{source}: runs.{chain[-1]}"
        if "base" in runs[chain[-1]]:
            raise InputError(f"{where} has {AFTER}: {before} and a base; expected one of the two")
        if not isinstance(before, str) or before not in runs:
            hint = nearest(str(before), runs)
            raise InputError(
                f"{where}.{AFTER} is {before!r}, expected one of the other rows of runs: "
                f"{', '.join(run for run in runs if run != chain[-1])}{hint}"
            )
        chain.append(before)
        if before in chain[:-1]:
            raise InputError(
                f"{where}.{AFTER} is {before!r}, so these wait for each other: "
                f"{' after '.join(chain)}; expected one of them to start from a base policy"
            )
    return chain
