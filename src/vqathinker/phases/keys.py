"""Job keys: one small file per job, `workflow/keys/<scale>/<job>.json`.

It holds the resolved parameters that the job depends on and the version of its results. It is an
input of the job's rule, and the command reads its parameters only from there. A job is out of date
if this file changes, and for no other reason. A file is rewritten only when its content changes.
"""

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError
from vqathinker.phases.cards import DESCRIPTIVE_KEYS, STAND_INS, owner_of_files, read_card
from vqathinker.phases.hints import shorten
from vqathinker.phases.parameters import RUN_SECTIONS, bases_of, benchmarks_of, sets_of
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.phases.trees import Tree, leaves, only, without

FOLDER = Path("workflow/keys")
RESOLVED_PARAMS = "params"  # all parameters of the scale; input of no rule

# Jobs whose outputs all scales share: data/, clips/, models/base/.
_SHARED = {"fetch", "manifest", "decode", "perturb", "base"}
_FOLDERS = ("train", "export", "ask", "judge", "measure")  # DVC needs them even if they are empty
_MAX_LISTED = 3  # jobs or changes in a message


def job_params(params: Mapping[str, Any], missing: Collection[str] = ()) -> dict[str, Tree]:
    """Parameters of every job by its key: the rule, or RULE/NAME for one set, run, base or task.

    Args:
        params: resolved parameters.
        missing: missing sets, see `phases.cards`.
    """
    predict = only(params, "evaluation", "answer", "kernels", "device")
    perturb = {"clips": only(params["clips"], "perturbations")}
    preference = {"preference": only(params["preference"], "videos", "seed")}
    metrics = only(params, "metrics")
    decode = only(params["clips"], "shard_size", "timeout_s", "memory_mb", "reader")
    report = only(params, "scale", "report", "data", "metrics", "understanding")
    # Tables describe how runs differ. The group only decides which report lists a run.
    report["runs"] = {name: without(row, "group") for name, row in params["runs"].items()}
    report["cards"] = {name: read_card(name, params) for name in benchmarks_of(params)}
    jobs: dict[str, Tree] = {
        "decode": {"clips": decode},
        "perturb": {"seed": params["seed"], **perturb},
        "predict": predict,
        "predict_perturbed": {**predict, **perturb, **preference},
        "metrics": metrics,
        "preference": metrics,
        "tables": report,
        "metrics_json": {},
        "figures": {},
        "thumbnails": {},
        "report": report,
    }
    for name, task in params["understanding"]["tasks"].items():
        questions = {"understanding": {**params["understanding"], "tasks": {name: task}}}
        jobs[f"ask/{name}"] = {**predict, **questions}
        jobs[f"judge/{name}"] = {**questions, "judge": params["judge"]}
        jobs[f"measure/{name}"] = questions
    sets = [*sets_of(params), *params["data"]["counts"]]  # counts also has the sets of tasks
    for name in dict.fromkeys([*sets, *(owner_of_files(name, params) for name in sets)]):
        jobs |= _jobs_of_set(name, params, missing)
    for name, base in bases_of(params).items():
        jobs[f"base/{name}"] = {"kernels": params["kernels"], "base": base, **_policy_in(base)}
    for name, row in params["runs"].items():
        if row["train"]:
            # The name of the base suffices: its folder is another input of the job.
            settings = only(row, *RUN_SECTIONS, "after") | {
                "base": only(row["base"], "name"),
                "clips": only(row["clips"], "train_setting"),
            }
            scores = only(params["evaluation"], "score", "sampling", "expectation")
            jobs[f"train/{name}"] = {"runs": {name: settings}}
            jobs[f"export/{name}"] = {"runs": {name: settings}, "evaluation": scores}
    return jobs


def _policy_in(base: Mapping[str, Any]) -> Tree:
    """The hash of the policy folder that a base is copied from, so that a new policy is copied."""
    if base["kind"] != "policy":
        return {}
    record = _read(Path(base["repo"], "provenance.json"))
    return only(record, "policy")


def _jobs_of_set(name: str, params: Mapping[str, Any], missing: Collection[str]) -> dict[str, Tree]:
    data, card = params["data"], {"card": without(read_card(name, params), *DESCRIPTIVE_KEYS)}
    stand_ins = Path(data["cards"], STAND_INS)
    if stand_ins.is_file():
        card["stand_ins"] = json.loads(stand_ins.read_text(encoding="utf-8")).get(name)
    labels = {"cards": data["cards"], "counts": only(data["counts"], name), "demo": None}
    demo = data["demo"] and {**data["demo"], "sets": only(data["demo"]["sets"], name)}
    skip = only(params, "evaluation") | {
        "missing": [other for other in (name, data["train"]) if other in missing]
    }
    return {
        f"fetch/{name}": {"data": {**labels, "demo": demo}, **card},
        f"manifest/{name}": {"data": labels, **card},
        f"skip_missing/{name}": {"data": labels, **card, **skip},
    }


def key_path(scale: str, key: str) -> Path:
    """Path of the file of a job, from the project's root."""
    return FOLDER / scale / f"{key}.json"


class JobKeys:
    """The files of every job of a scale, compared with its resolved parameters.

    Attributes:
        changes: which jobs are out of date and why, one line each; empty before the first run.
    """

    def __init__(self, params: Mapping[str, Any], missing: Collection[str] = ()) -> None:
        """Read the files without writing any."""
        self._scale, self._resolved = str(params["scale"]), _as_json({"params": params})
        self._contents = {
            key: _as_json({"version": RESULTS_VERSION[_rule(key)], "params": content})
            for key, content in job_params(params, missing).items()
        }
        # None: the file does not exist yet, or its content changes.
        self._paths = {key: self._valid_file(key) for key in self._contents}
        jobs_by_change: dict[tuple[str, ...], list[str]] = {}
        for key, path in self._paths.items():
            before = {} if path else _read(self._own_path(key))
            if before:
                changes = changes_between(before, self._contents[key])
                # Without the run's name, equal changes of several runs make one line.
                prefix = f"runs.{key.partition('/')[2]}."
                short = tuple(change.replace(prefix, "", 1) for change in changes)
                jobs_by_change.setdefault(short, []).append(key)
        self.changes = [
            f"Out of date: {_list_some(keys)}, because {_list_some(changes)}"
            for changes, keys in jobs_by_change.items()
        ]

    def __getitem__(self, key: str) -> str:
        """Path of the file of a job.

        Raises:
            InputError: the scale has no such job.
        """
        if key not in self._contents:
            names = [other for other in self._contents if _rule(other) == _rule(key)]
            raise InputError(f"no job {key!r}, expected one of {', '.join(names)}")
        return (self._paths[key] or self._own_path(key)).as_posix()

    def input_function(self, key: str) -> Callable[[Mapping[str, str]], str]:
        """Input function of a rule; `key` contains the rule's wildcards in braces."""
        return lambda wildcards: self[key.format(**dict(wildcards.items()))]

    def write(self) -> None:
        """Write the files whose content has changed."""
        if _read(key_path(self._scale, RESOLVED_PARAMS)) != self._resolved:
            _write(key_path(self._scale, RESOLVED_PARAMS), self._resolved)
        for rule in _FOLDERS:
            (FOLDER / self._scale / rule).mkdir(parents=True, exist_ok=True)
        for key, path in self._paths.items():
            own = self._own_path(key)
            if path != own:
                _write(own, self._contents[key])
                if path is not None:  # the outputs were made for this file of another scale
                    shutil.copystat(path, own)
            self._paths[key] = own

    def write_temporary(self) -> None:
        """Write changed files to a temporary folder for a dry run; it is removed at exit."""
        folder = tempfile.mkdtemp(prefix="vqathinker-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for key, path in self._paths.items():
            if path is None:
                self._paths[key] = Path(folder, f"{key}.json")
                _write(Path(folder, f"{key}.json"), self._contents[key])

    def _own_path(self, key: str) -> Path:
        return key_path(self._scale, key)

    def _valid_file(self, key: str) -> Path | None:
        """The file for which the job's outputs were made last, if its content is current.

        If scales share the outputs, it may be the file of another scale.
        """
        own = self._own_path(key)
        files = FOLDER.glob(f"*/{key}.json") if _rule(key) in _SHARED else [own]
        last = max(
            (path for path in files if path.is_file()),
            key=lambda path: (path.stat().st_mtime_ns, path == own),
            default=None,
        )
        return last if last and _read(last) == self._contents[key] else None


def _rule(key: str) -> str:
    return key.partition("/")[0]


def _as_json(content: Tree) -> Tree:
    """The content as it would be read from a file, where all keys are text."""
    return dict(json.loads(json.dumps(content)))


def _read(path: Path) -> Tree:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with whole_file(path) as part:
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        part.write_text(text, encoding="utf-8")


def changes_between(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Differences of two contents of a file, one phrase each.

    >>> changes_between({"version": 1, "params": {"seed": 1}}, {"version": 2, "params": {"a": 3}})
    ['a was not set, is 3', 'seed was 1, is not set', 'version was 1, is 2']
    """
    old, new = (
        {".".join(path).removeprefix("params."): [value] for path, value in leaves(content)}
        for content in (before, now)
    )
    return [
        f"{key} was {_describe(old.get(key))}, is {_describe(new.get(key))}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _describe(value: list[Any] | None) -> str:
    return shorten(value[0]) if value else "not set"


def _list_some(items: Sequence[str]) -> str:
    more = len(items) - _MAX_LISTED
    return ", ".join(items[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
