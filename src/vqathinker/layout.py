"""Paths of everything that the pipeline makes, as functions of the resolved parameters.

The rules of the Snakefile get their inputs from here. Paths are relative to the project's root,
with forward slashes, as Snakemake compares them.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from vqathinker.phases.cards import owner_of_files
from vqathinker.phases.parameters import bases_of


class Layout:
    """Paths and lists of one scale, from its resolved parameters.

    A results folder is `results`, with the runs of group main, or `ablations`, with every run.

    Attributes:
        params: resolved parameters.
        absent: absent sets, see `phases.cards`. No list contains what follows from them, except
            `metrics` and `absent_pairs`.
        scale: the scale's name, as in params.yaml.
        train_set: the data set that policies are trained on.
        benchmarks: the test sets, in-domain ones first.
        sets: every data set of this scale.
        present: every data set of this scale that is not absent.
        results: the folder of predictions, metrics, tables, figures and report.
        ablations: the folder of tables, figures and report of every run.
        predicted: the folder of the predictions of single clip shards.
        understanding: the folder of answers to questions, and of their measures.
        manifests: manifests of the present benchmarks.
        thumbnails: folders with thumbnails of the clips of the present benchmarks.
    """

    def __init__(self, params: Mapping[str, Any], absent: Collection[str] = ()) -> None:
        """Set the attributes."""
        self.params, self.absent = params, absent
        self.scale, data = str(params["scale"]), params["data"]
        self.train_set = str(data["train"])
        self.benchmarks: list[str] = [*data["in_domain"], *data["out_of_distribution"]]
        self.sets = [self.train_set, *self.benchmarks]
        self.present = [name for name in self.sets if name not in absent]
        self.results = f"results/{self.scale}"
        self.ablations = f"{self.results}/ablations"
        self.predicted = f"predictions/{self.scale}"
        self.understanding = f"{self.results}/understanding"
        tested = [name for name in self.benchmarks if name not in absent]
        self.manifests = [self.manifest(name) for name in tested]
        self.thumbnails = [f"{self.results}/thumbnails/{name}" for name in tested]

    def manifest(self, name: str) -> str:
        """The manifest of a data set."""
        return f"data/{name}/manifest.parquet"

    def receipt(self, name: str) -> str:
        """The receipt of a data set: every file that was downloaded or made."""
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
        """Clip shards of a set for a run, or for the scale; the labels give their number."""
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
        """Clips and perturbations of the runs of a results folder, and those of the scale."""
        found: list[str] = []
        for run in (None, *self.runs(folder)):
            trains = run is None or self.params["runs"][run]["train"]
            sets = [name for name in self.present if trains or name != self.train_set]
            found += [shard for name in sets for shard in self.shards(name, run)]
            found += [self.perturbations(run)] if self.train_set in sets else []
        return list(dict.fromkeys(found))

    def base_policy(self, run: str) -> str:
        """The folder of the policy that a run starts from: another run's, or a base policy."""
        after = self.params["runs"][run]["after"]
        return self._first_policy(run) if after is None else self.policy(after)

    def base_policies(self, folder: str) -> list[str]:
        """Folders of the base policies of the runs of a results folder."""
        return list(dict.fromkeys(self._first_policy(run) for run, _ in self._pairs(folder)))

    def _first_policy(self, run: str) -> str:
        return f"models/base/{self.params['runs'][run]['base']['name']}"

    def base_clips(self, name: str) -> list[str]:
        """Clips that the demo's base policy is pretrained on; other kinds need none."""
        made = bases_of(self.params)[name]["kind"] == "demo"
        return self.shards(self.train_set) if made else []

    def base_files(self, name: str, *files: str) -> list[str]:
        """Files below the folder of the set of `base_clips`; none without these clips."""
        return [f"data/{self.train_set}/{file}" for file in files if self.base_clips(name)]

    def trained_policy(self, run: str) -> str:
        """The folder of the exported policy of a trained run."""
        return f"models/{self.scale}/{run}/policy"

    def policy(self, run: str) -> str:
        """The folder of the policy that a run evaluates."""
        trained = self.params["runs"][run]["train"]
        return self.trained_policy(run) if trained else self.base_policy(run)

    def history(self, run: str) -> str:
        """Rewards over steps of a trained run."""
        return f"models/{self.scale}/{run}/history.csv"

    def runs(self, folder: str) -> list[str]:
        """The runs of a results folder."""
        rows = self.params["runs"].items()
        return [name for name, row in rows if folder == self.ablations or row["group"] == "main"]

    def policies(self, folder: str) -> list[str]:
        """Folders of the policies that the runs of a results folder evaluate."""
        return [self.policy(run) for run in self.runs(folder) if not self._untrained(run)]

    def histories(self, folder: str) -> list[str]:
        """Histories of the trained runs of a results folder."""
        trained = [run for run in self.runs(folder) if self.params["runs"][run]["train"]]
        return [self.history(run) for run in trained if not self._untrained(run)]

    def lacking(self, run: str, benchmark: str) -> list[str]:
        """Absent sets that the scores of a run on a benchmark depend on."""
        return [
            *([benchmark] if benchmark in self.absent else []),
            *([self.train_set] if self._untrained(run) else []),
        ]

    def _untrained(self, run: str) -> bool:
        """Whether a run, or one that it starts from, lacks its training set."""
        row = self.params["runs"][run]
        trained = row["train"] or (row["after"] is not None and self._untrained(row["after"]))
        return bool(trained) and self.train_set in self.absent

    @property
    def absent_pairs(self) -> list[tuple[str, str]]:
        """Runs and benchmarks whose scores depend on an absent set."""
        grid = ((run, name) for run in self.runs(self.ablations) for name in self.benchmarks)
        return [pair for pair in grid if self.lacking(*pair)]

    def _pairs(self, folder: str) -> list[tuple[str, str]]:
        grid = ((run, name) for run in self.runs(folder) for name in self.benchmarks)
        return [pair for pair in grid if not self.lacking(*pair)]

    def _compared(self, folder: str) -> list[tuple[str, str]]:
        asked = self.params["preference"]["benchmarks"]
        return [pair for pair in self._pairs(folder) if pair[1] in asked]

    def predictions(self, folder: str) -> list[str]:
        """Predictions of the runs of a results folder on the present benchmarks."""
        grid = self._pairs(folder)
        return [f"{self.results}/predictions/{run}/{name}.parquet" for run, name in grid]

    def shard_predictions(self, run: str, name: str, folder: str = "") -> list[str]:
        """Predictions of a run on each clip shard of a benchmark; `folder` may be "perturbed"."""
        names = [f"{Path(shard).stem}.parquet" for shard in self.shards(name, run)]
        return [Path(self.predicted, run, name, folder, file).as_posix() for file in names]

    def metrics(self, folder: str) -> list[str]:
        """Metrics of the runs of a results folder on every benchmark, also on absent ones."""
        runs, names = self.runs(folder), self.benchmarks
        return [f"{self.results}/metrics/{run}/{name}.json" for run in runs for name in names]

    def preferences(self, folder: str) -> list[str]:
        """Temporal preference of the runs of a results folder on `preference.benchmarks`."""
        grid = self._compared(folder)
        return [f"{self.results}/preference/{run}/{name}.json" for run, name in grid]

    def perturbed(self, folder: str) -> list[str]:
        """Scores of clips and of their perturbed copies, from which `preferences` are computed."""
        grid = self._compared(folder)
        return [f"{self.results}/perturbed/{run}/{name}.parquet" for run, name in grid]

    @property
    def tasks(self) -> dict[str, Mapping[str, Any]]:
        """Tasks whose videos are made, or whose set has a receipt."""
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

    def judged(self, run: str, task: str) -> list[str]:
        """The judge's verdicts on the open answers of a run; none without a judge."""
        path = f"{self.understanding}/judged/{run}/{task}.jsonl"
        return [] if self.params["judge"] is None else [path]

    def understood(self, folder: str) -> list[str]:
        """Measures of the runs of a results folder on every task of `tasks`."""
        runs = [run for run in self.runs(folder) if not self._untrained(run)]
        grid = ((run, task) for run in runs for task in self.tasks)
        return [f"{self.understanding}/measures/{run}/{task}.json" for run, task in grid]

    def report(self, folder: str) -> list[str]:
        """Final outputs of a results folder: tables, their numbers, figures and the page."""
        names = ("tables", "figures", "report.html", "numbers")
        return [f"{folder}/{name}" for name in names]
