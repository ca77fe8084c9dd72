"""What each job depends on: one small file per job, `workflow/keys/<scale>/<job>.json`.

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
from vqathinker.phases.cards import STAND_INS, WORDS, owner_of_files, read_card
from vqathinker.phases.parameters import AFTER, BASE, CLIPS, RUN_SECTIONS, SETTINGS, bases_of
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.phases.trees import Tree, leaves, only, without
from vqathinker.phases.words import shorten

FOLDER = Path("workflow/keys")
RESOLVED = "params"  # all parameters of the scale; input of no rule

# Jobs whose outputs all scales share: data/, clips/, models/base/.
_SHARED = {"fetch", "manifest", "decode", "perturb", "base"}
_FOLDERS = ("train", "export", "ask", "judge", "measure")  # dependencies of DVC, even if empty
_SHOWN = 3  # of the jobs and of their changes in a message


def job_params(params: Mapping[str, Any], absent: Collection[str] = ()) -> dict[str, Tree]:
    """Parameters of every job by its key: the rule, or RULE/NAME for one set, run, base or task.

    Args:
        params: resolved parameters.
        absent: absent sets, see `phases.cards`.
    """
    asking = only(params, "evaluation", "answer", "kernels", "device")
    drawing = {CLIPS: only(params[CLIPS], "perturbations")}
    report = only(params, "scale", "report", "data", "metrics", "understanding")
    # Tables describe how runs differ, but do not depend on the report that lists a run.
    report["runs"] = {name: without(row, "group") for name, row in params["runs"].items()}
    benchmarks = [*params["data"]["in_domain"], *params["data"]["out_of_distribution"]]
    report["cards"] = {name: read_card(name, params) for name in benchmarks}  # titles and notes
    found = {
        "decode": {CLIPS: only(params[CLIPS], "shard_size", "timeout_s", "memory_mb", "reader")},
        "perturb": {"seed": params["seed"], **drawing},
        "predict": asking,
        "perturbed": {
            **asking,
            **drawing,
            "preference": only(params["preference"], "videos", "seed"),
        },
        "metrics": only(params, "metrics"),
        "preference": only(params, "metrics"),
        "tables": report,
        "numbers": {},
        "figures": {},
        "thumbnails": {},
        "page": report,
    }
    for name, task in params["understanding"]["tasks"].items():
        asked = {"understanding": {**params["understanding"], "tasks": {name: task}}}
        found[f"ask/{name}"] = {**asking, **asked}
        found[f"judge/{name}"] = {**asked, "judge": params["judge"]}
        found[f"measure/{name}"] = asked
    for name in _sets_of(params):
        found |= _of_set(name, params)
        lacking = [each for each in (name, params["data"]["train"]) if each in absent]
        found[f"absent/{name}"]["lacking"] = lacking
    for name, base in bases_of(params).items():
        found[f"base/{name}"] = {"kernels": params["kernels"], BASE: base}
    for name, row in params["runs"].items():
        if row["train"]:
            found |= _of_run(name, row, params)
    return found


def _of_set(name: str, params: Mapping[str, Any]) -> dict[str, Tree]:
    data, card = params["data"], {"card": without(read_card(name, params), *WORDS)}
    stand_ins = Path(data["cards"], STAND_INS)
    if stand_ins.is_file():
        card["stand_ins"] = json.loads(stand_ins.read_text(encoding="utf-8")).get(name)
    own = {"cards": data["cards"], "counts": only(data["counts"], name), "demo": None}
    made = data["demo"] and {**data["demo"], "sets": only(data["demo"]["sets"], name)}
    return {
        f"fetch/{name}": {"data": {**own, "demo": made}, **card},
        f"manifest/{name}": {"data": own, **card},
        f"absent/{name}": {"data": own, **card, "evaluation": params["evaluation"]},
    }


def _of_run(name: str, row: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Tree]:
    # The content of the policy to start from is known by the time of its folder, another input.
    held = only(row, *RUN_SECTIONS, AFTER) | {BASE: {"name": row[BASE]["name"]}}
    held |= {CLIPS: only(row[CLIPS], SETTINGS[0])}
    own = only(params["evaluation"], "score", "sampling", "expectation")
    runs = {"runs": {name: held}}
    return {f"train/{name}": runs, f"export/{name}": {**runs, "evaluation": own}}


def _sets_of(params: Mapping[str, Any]) -> list[str]:
    """Sets of the scale, those of its tasks, and those whose files they share."""
    data = params["data"]
    named = [data["train"], *data["in_domain"], *data["out_of_distribution"], *data["counts"]]
    return list(dict.fromkeys([*named, *(owner_of_files(name, params) for name in named)]))


def key_path(scale: str, key: str) -> Path:
    """Path of the file of a job, from the project's root."""
    return FOLDER / scale / f"{key}.json"


class JobKeys:
    """The files of every job of a scale, compared with its resolved parameters.

    Attributes:
        changes: which jobs are out of date and why; empty before the first run.
    """

    def __init__(self, params: Mapping[str, Any], absent: Collection[str] = ()) -> None:
        """Read the files; nothing is written."""
        self._scale, self._resolved = str(params["scale"]), _plain({"params": params})
        self._contents = {
            key: _plain({"version": RESULTS_VERSION[_rule(key)], "params": of})
            for key, of in job_params(params, absent).items()
        }
        self._paths = {key: self._valid_file(key) for key in self._contents}
        jobs: dict[tuple[str, ...], list[str]] = {}
        for key in (key for key, path in self._paths.items() if path is None):
            changes = changes_between(_read(self._own(key)), self._contents[key])
            prefix = f"runs.{key.partition('/')[2]}."  # the same change of several runs is one line
            why = tuple(change.replace(prefix, "", 1) for change in changes)
            if why:
                jobs.setdefault(why, []).append(key)
        self.changes = [
            f"Out of date: {_some(keys)}, for {_some(why)}" for why, keys in jobs.items()
        ]

    def __getitem__(self, key: str) -> str:
        """Path of the file of a job.

        Raises:
            InputError: the scale has no such job.
        """
        if key not in self._contents:
            names = [other for other in self._contents if _rule(other) == _rule(key)]
            raise InputError(f"no job {key!r}, expected one of {', '.join(names)}")
        return (self._paths[key] or self._own(key)).as_posix()

    def of(self, key: str) -> Callable[[Mapping[str, str]], str]:
        """Input function of a rule; `key` contains its wildcards in braces."""
        return lambda wildcards: self[key.format(**dict(wildcards.items()))]

    def write(self) -> None:
        """Write the files whose content has changed."""
        if _read(key_path(self._scale, RESOLVED)) != self._resolved:
            _write(key_path(self._scale, RESOLVED), self._resolved)
        for rule in _FOLDERS:
            (FOLDER / self._scale / rule).mkdir(parents=True, exist_ok=True)
        for key, path in self._paths.items():
            if path != self._own(key):
                _write(self._own(key), self._contents[key])
                if path is not None:
                    shutil.copystat(path, self._own(key))
            self._paths[key] = self._own(key)

    def write_elsewhere(self) -> None:
        """Write changed files to a temporary folder, for a dry run; it is removed at exit."""
        folder = tempfile.mkdtemp(prefix="vqathinker-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for key, path in self._paths.items():
            if path is None:
                self._paths[key] = Path(folder, f"{key}.json")
                _write(Path(folder, f"{key}.json"), self._contents[key])

    def _own(self, key: str) -> Path:
        return key_path(self._scale, key)

    def _valid_file(self, key: str) -> Path | None:
        """The file for which the job's outputs were made last, if it has the current content.

        For outputs that scales share, it may be the file of another scale.
        """
        files = FOLDER.glob(f"*/{key}.json") if _rule(key) in _SHARED else [self._own(key)]
        last = max(
            (path for path in files if path.is_file()),
            key=lambda path: (path.stat().st_mtime_ns, path == self._own(key)),
            default=None,
        )
        return last if last and _read(last) == self._contents[key] else None


def _rule(key: str) -> str:
    return key.partition("/")[0]


def _plain(content: Tree) -> Tree:
    """The content as it is read back from JSON."""
    return dict(json.loads(json.dumps(content)))


def _read(path: Path) -> Tree:
    """Content of a file; empty if there is none, or no valid one."""
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
    """Differences of two contents of a file; none if it did not exist before.

    >>> changes_between({"version": 1, "params": {"seed": 1}}, {"version": 2, "params": {}})
    ['seed was 1, is not set', 'version was 1, is 2']
    """
    old, new = (
        {".".join(path).removeprefix("params."): value for path, value in leaves(content)}
        for content in (before, now)
    )
    return [
        f"{key} was {_shown(old, key)}, is {_shown(new, key)}"
        for key in sorted(old.keys() | new.keys())
        if before and key != "params" and (key in old, old.get(key)) != (key in new, new.get(key))
    ]


def _shown(values: Tree, key: str) -> str:
    return shorten(values[key]) if key in values else "not set"


def _some(items: Sequence[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
