"""Paths of everything that the pipeline makes, as functions of the resolved parameters.

The rules of the Snakefile take their inputs from here. Paths are relative to the project's root and
have forward slashes, because Snakemake compares them as text.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from vqathinker.phases.cards import owner_of_files
from vqathinker.phases.parameters import bases_of, benchmarks_of, sets_of


class Layout:
    """Paths and lists of one scale, from its resolved parameters.

    A results folder is `results`, with the runs of group main, or `ablations`, with all runs.

    Attributes:
        params: resolved parameters.
        missing: missing sets, see `phases.cards`. Lists leave out what depends on them, except
            `metrics` and `missing_pairs`.
        scale: name of the scale, as in params.yaml.
        train_set: data set that policies are trained on.
        benchmarks: test sets, in-domain ones first.
        sets: the training set and the test sets.
        existing: the sets that are not missing.
        results: folder of predictions, metrics, tables, figures and report.
        ablations: folder of tables, figures and report of all runs.
        shard_folder: folder of the predictions on single clip shards.
        understanding: folder of answers to questions, and of their measures.
        manifests: manifests of the existing benchmarks.
        thumbnails: folders with thumbnails of the clips of the existing benchmarks.
    """

    def __init__(self, params: Mapping[str, Any], missing: Collection[str] = ()) -> None:
        """Set the attributes."""
        self.params, self.missing = params, missing
        self.scale, self.train_set = str(params["scale"]), str(params["data"]["train"])
        self.benchmarks, self.sets = benchmarks_of(params), sets_of(params)
        self.existing = [name for name in self.sets if name not in missing]
        self.results = f"results/{self.scale}"
        self.ablations = f"{self.results}/ablations"
        self.shard_folder = f"predictions/{self.scale}"
        self.understanding = f"{self.results}/understanding"
        benchmarks = [name for name in self.benchmarks if name not in missing]
        self.manifests = [self.manifest(name) for name in benchmarks]
        self.thumbnails = [f"{self.results}/thumbnails/{name}" for name in benchmarks]

    def manifest(self, name: str) -> str:
        """The manifest of a data set."""
        return f"data/{name}/manifest.parquet"

    def receipt(self, name: str) -> str:
        """The receipt of a data set, which lists every downloaded or generated file."""
        return f"data/{name}/source.json"

    def shared_receipts(self, name: str) -> list[str]:
        """The receipt of the set whose files this one shares, if any."""
        owner = owner_of_files(name, self.params)
        return [] if owner == name else [self.receipt(owner)]

    def setting(self, name: str, run: str | None = None) -> str:
        """Frames x size of the clips of a set for a run; None: for the scale."""
        clips = self.params["clips"] if run is None else self.params["runs"][run]["clips"]
        return str(clips["train_setting" if name == self.train_set else "test_setting"])

    def shards(self, name: str, run: str | None = None) -> list[str]:
        """Clip shards of a set for a run, or for the scale. `data.counts` gives their number."""
        rows, size = self.params["data"]["counts"][name], self.params["clips"]["shard_size"]
        folder = f"clips/{name}/{self.setting(name, run)}"
        return [f"{folder}/{shard:04d}.safetensors" for shard in range(-(-rows // size))]

    def shard(self, name: str, run: str, shard: str) -> str:
        """One clip shard of a set for a run, by its number."""
        return f"clips/{name}/{self.setting(name, run)}/{shard}.safetensors"

    def perturbations(self, run: str | None = None) -> str:
        """The table of perturbations of the training set for a run, or for the scale."""
        return f"clips/{self.train_set}/{self.setting(self.train_set, run)}/perturbations.parquet"

    def clips(self, folder: str) -> list[str]:
        """Clips and perturbations for the runs of a results folder, and those of the scale."""
        paths: list[str] = []
        for run in (None, *self.runs(folder)):
            trains = run is None or self.params["runs"][run]["train"]
            sets = [name for name in self.existing if trains or name != self.train_set]
            paths += [shard for name in sets for shard in self.shards(name, run)]
            paths += [self.perturbations(run)] if self.train_set in sets else []
        return list(dict.fromkeys(paths))

    def base_policy(self, run: str) -> str:
        """Folder of the policy that a run starts from: another run's, or a base policy."""
        after = self.params["runs"][run]["after"]
        return self._first_policy(run) if after is None else self.policy(after)

    def base_policies(self, folder: str) -> list[str]:
        """Folders of the base policies of the runs of a results folder."""
        return list(dict.fromkeys(self._first_policy(run) for run, _ in self._pairs(folder)))

    def _first_policy(self, run: str) -> str:
        return f"models/base/{self.params['runs'][run]['base']['name']}"

    def base_clips(self, name: str) -> list[str]:
        """Clips on which the demo's base policy is pretrained; empty for other base policies."""
        is_demo = bases_of(self.params)[name]["kind"] == "demo"
        return self.shards(self.train_set) if is_demo else []

    def base_files(self, name: str, *files: str) -> list[str]:
        """Files in the folder of the training set, if the base policy is pretrained on it."""
        return [f"data/{self.train_set}/{file}" for file in files if self.base_clips(name)]

    def policy(self, run: str) -> str:
        """Folder of the policy that a run evaluates."""
        trained = self.params["runs"][run]["train"]
        return f"models/{self.scale}/{run}/policy" if trained else self.base_policy(run)

    def history(self, run: str) -> str:
        """Training history of a run."""
        return f"models/{self.scale}/{run}/history.csv"

    def runs(self, folder: str) -> list[str]:
        """The runs of a results folder."""
        rows = self.params["runs"].items()
        return [name for name, row in rows if folder == self.ablations or row["group"] == "main"]

    def policies(self, folder: str) -> list[str]:
        """Folders of the policies that the runs of a results folder evaluate."""
        return [self.policy(run) for run in self.runs(folder) if not self._cannot_train(run)]

    def histories(self, folder: str) -> list[str]:
        """Histories of the trained runs of a results folder."""
        trained = [run for run in self.runs(folder) if self.params["runs"][run]["train"]]
        return [self.history(run) for run in trained if not self._cannot_train(run)]

    def missing_for(self, run: str, benchmark: str) -> list[str]:
        """Missing sets that the scores of a run on a benchmark depend on."""
        return [
            *([benchmark] if benchmark in self.missing else []),
            *([self.train_set] if self._cannot_train(run) else []),
        ]

    def _cannot_train(self, run: str) -> bool:
        """Whether a run, or one that it starts from, lacks its training set."""
        row = self.params["runs"][run]
        trained = row["train"] or (row["after"] is not None and self._cannot_train(row["after"]))
        return bool(trained) and self.train_set in self.missing

    @property
    def missing_pairs(self) -> list[tuple[str, str]]:
        """Runs and benchmarks whose scores depend on a missing set."""
        pairs = product(self.runs(self.ablations), self.benchmarks)
        return [pair for pair in pairs if self.missing_for(*pair)]

    def _pairs(self, folder: str) -> list[tuple[str, str]]:
        pairs = product(self.runs(folder), self.benchmarks)
        return [pair for pair in pairs if not self.missing_for(*pair)]

    def _preference_pairs(self, folder: str) -> list[tuple[str, str]]:
        benchmarks = self.params["preference"]["benchmarks"]
        return [pair for pair in self._pairs(folder) if pair[1] in benchmarks]

    def _files(self, kind: str, suffix: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
        return [f"{self.results}/{kind}/{run}/{name}.{suffix}" for run, name in pairs]

    def predictions(self, folder: str) -> list[str]:
        """Predictions of the runs of a results folder on the existing benchmarks."""
        return self._files("predictions", "parquet", self._pairs(folder))

    def shard_predictions(self, run: str, name: str, folder: str = "") -> list[str]:
        """Predictions of a run on each clip shard of a benchmark; `folder` may be "perturbed"."""
        files = [f"{Path(shard).stem}.parquet" for shard in self.shards(name, run)]
        return [Path(self.shard_folder, run, name, folder, file).as_posix() for file in files]

    def metrics(self, folder: str) -> list[str]:
        """Metrics of the runs of a results folder on every benchmark, including missing ones."""
        return self._files("metrics", "json", product(self.runs(folder), self.benchmarks))

    def preferences(self, folder: str) -> list[str]:
        """Temporal preference of the runs of a results folder on `preference.benchmarks`."""
        return self._files("preference", "json", self._preference_pairs(folder))

    def perturbed_predictions(self, folder: str) -> list[str]:
        """Predictions on clips and their perturbed copies, from which `preferences` follow."""
        return self._files("perturbed", "parquet", self._preference_pairs(folder))

    @property
    def tasks(self) -> dict[str, Mapping[str, Any]]:
        """Question tasks whose videos are generated, or whose set has a receipt."""
        return {
            name: task
            for name, task in self.params["understanding"]["tasks"].items()
            if task["kind"] == "made" or Path(self.receipt(task["set"])).is_file()
        }

    def questions(self, task: str) -> str:
        """The file with the questions of a task."""
        file = self.params["understanding"]["tasks"][task]["file"]
        return f"data/{self.task_set(task)}/source/{file}"

    def task_set(self, task: str) -> str:
        """The data set with the videos of a task."""
        return str(self.params["understanding"]["tasks"][task]["set"])

    def verdicts(self, run: str, task: str) -> list[str]:
        """The judge's verdicts on the open-ended answers of a run; none without a judge."""
        path = f"{self.understanding}/judged/{run}/{task}.jsonl"
        return [] if self.params["judge"] is None else [path]

    def understanding_measures(self, folder: str) -> list[str]:
        """Paths of the measures of all runs of a results folder on all `tasks`."""
        runs = [run for run in self.runs(folder) if not self._cannot_train(run)]
        return self._files("understanding/measures", "json", product(runs, self.tasks))

    def report(self, folder: str) -> list[str]:
        """Final outputs of a results folder: tables, figures, report page, numbers as JSON."""
        return [f"{folder}/{name}" for name in ("tables", "figures", "report.html", "numbers")]
