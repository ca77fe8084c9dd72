"""Where everything lies that the pipeline makes: paths as a function of the resolved parameters.

Nothing but the standard library and PyYAML: the Snakefile's rules ask it for their inputs. Paths
are relative to the project's root, with forward slashes, as Snakemake compares them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqathinker.phases.cards import owner_of_files
from vqathinker.phases.parameters import bases_of

ABLATIONS = "ablations"


@dataclass(frozen=True)
class Layout:
    """Paths and lists of one scale, from its resolved parameters.

    Attributes:
        params: resolved parameters.
        absent: sets that are not there and that nothing brings, see `phases.presence`. What follows
            from them is in no list but `metrics` and `absent_pairs`.
    """

    params: Mapping[str, Any]
    absent: Collection[str] = ()

    @property
    def scale(self) -> str:
        """The scale's name, as in params.yaml."""
        return str(self.params["scale"])

    @property
    def train_set(self) -> str:
        """The data set that policies are trained on."""
        return str(self.params["data"]["train"])

    @property
    def benchmarks(self) -> list[str]:
        """The test sets, in-domain ones first."""
        data = self.params["data"]
        return [*data["in_domain"], *data["out_of_distribution"]]

    @property
    def sets(self) -> list[str]:
        """Every data set of this scale."""
        return [self.train_set, *self.benchmarks]

    @property
    def present(self) -> list[str]:
        """Every data set of this scale that is there or will be brought."""
        return [name for name in self.sets if name not in self.absent]

    @property
    def results(self) -> str:
        """The folder of predictions, metrics, tables, figures and report."""
        return f"results/{self.scale}"

    @property
    def predicted(self) -> str:
        """The folder of the predictions of single clip shards."""
        return f"predictions/{self.scale}"

    @property
    def ablations(self) -> str:
        """The folder of tables, figures and report in which every run has its row."""
        return f"{self.results}/{ABLATIONS}"

    def manifest(self, name: str) -> str:
        """The manifest of a data set."""
        return f"data/{name}/manifest.parquet"

    def receipt(self, name: str) -> str:
        """The receipt of a data set: every file that was brought or made."""
        return f"data/{name}/source.json"

    def shared_receipts(self, name: str) -> list[str]:
        """The receipt of the set whose files this one shares; none for a set with its own."""
        owner = owner_of_files(name, self.params)
        return [] if owner == name else [self.receipt(owner)]

    def setting(self, name: str, run: str | None = None) -> str:
        """Frames x size in which a run sees a set: one for training, one for the benchmarks.

        None stands for what the scale says where a run does not say otherwise.
        """
        clips = self.params["clips"] if run is None else self.params["runs"][run]["clips"]
        return str(clips["train_setting"] if name == self.train_set else clips["test_setting"])

    def shards(self, name: str, run: str | None = None) -> list[str]:
        """The clip shards of a set that a run sees, or the scale's (`setting`).

        Their number follows from the rows of its label file.
        """
        rows, size = self.params["data"]["counts"][name], self.params["clips"]["shard_size"]
        folder = f"clips/{name}/{self.setting(name, run)}"
        return [f"{folder}/{shard:04d}.safetensors" for shard in range(-(-rows // size))]

    def perturbations(self, run: str | None = None) -> str:
        """The table of perturbations drawn for the training set as a run sees it."""
        return f"clips/{self.train_set}/{self.setting(self.train_set, run)}/perturbations.parquet"

    def clips(self, folder: str) -> list[str]:
        """Clips and perturbations of present sets for runs of a results folder, and the scale's."""
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
        """Folders of the base policies behind the runs of a results folder, each once."""
        runs = dict.fromkeys(run for run, _ in self._present_pairs(folder))
        return list(dict.fromkeys(self._first_policy(run) for run in runs))

    def _first_policy(self, run: str) -> str:
        return f"models/base/{self.params['runs'][run]['base']['name']}"

    def base_clips(self, name: str) -> list[str]:
        """Clips that a base policy is prepared from; one that comes from elsewhere needs none."""
        made = bases_of(self.params)[name]["kind"] == "demo"
        return self.shards(self.train_set) if made else []

    def base_receipts(self, name: str) -> list[str]:
        """Receipts of the sets that a base policy is prepared from."""
        return [self.receipt(self.train_set)] if self.base_clips(name) else []

    def degradations(self, name: str) -> list[str]:
        """Kind and strength of each degradation that a base policy learns to see."""
        return [f"data/{self.train_set}/source/degradations.csv"] if self.base_clips(name) else []

    def trained_policy(self, run: str) -> str:
        """The folder that a trained run exports its policy to."""
        return f"models/{self.scale}/{run}/policy"

    def policy(self, run: str) -> str:
        """The folder of the policy that a run evaluates."""
        trained = self.params["runs"][run]["train"]
        return self.trained_policy(run) if trained else self.base_policy(run)

    def history(self, run: str) -> str:
        """Rewards over steps of a trained run."""
        return f"models/{self.scale}/{run}/history.csv"

    def runs(self, folder: str) -> list[str]:
        """The runs of a results folder: those of group main, or all of them for the ablations."""
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
        """Absent sets without which a run has no scores on a benchmark."""
        return [
            *([benchmark] if benchmark in self.absent else []),
            *([self.train_set] if self._untrained(run) else []),
        ]

    @property
    def absent_pairs(self) -> list[tuple[str, str]]:
        """Every run and benchmark that lack a set."""
        return [pair for pair in self._pairs(self.ablations) if self.lacking(*pair)]

    def _pairs(self, folder: str) -> list[tuple[str, str]]:
        return [(run, name) for run in self.runs(folder) for name in self.benchmarks]

    def _present_pairs(self, folder: str) -> list[tuple[str, str]]:
        return [pair for pair in self._pairs(folder) if not self.lacking(*pair)]

    def _untrained(self, run: str) -> bool:
        """Whether a run, or one that it starts from, lacks its training set."""
        row = self.params["runs"][run]
        trained = row["train"] or (row["after"] is not None and self._untrained(row["after"]))
        return bool(trained) and self.train_set in self.absent

    def predictions(self, folder: str) -> list[str]:
        """Predictions of every run of a results folder on every benchmark, as far as sets go."""
        grid = self._present_pairs(folder)
        return [f"{self.results}/predictions/{run}/{name}.parquet" for run, name in grid]

    def shard_predictions(self, run: str, name: str) -> list[str]:
        """Predictions of a run on each clip shard of a benchmark, before they are joined."""
        folder = f"{self.predicted}/{run}/{name}"
        return [f"{folder}/{Path(shard).stem}.parquet" for shard in self.shards(name, run)]

    def metrics(self, folder: str) -> list[str]:
        """Metrics of every run of a results folder on every benchmark."""
        return [f"{self.results}/metrics/{run}/{name}.json" for run, name in self._pairs(folder)]

    def shard_perturbed(self, run: str, name: str) -> list[str]:
        """Predictions on each clip shard of a benchmark and on perturbed copies of its clips."""
        folder = f"{self.predicted}/{run}/{name}/perturbed"
        return [f"{folder}/{Path(shard).stem}.parquet" for shard in self.shards(name, run)]

    def preferences(self, folder: str) -> list[str]:
        """Temporal preference of runs of a results folder, on each present benchmark asked for."""
        grid = self._compared(folder)
        return [f"{self.results}/preference/{run}/{name}.json" for run, name in grid]

    def perturbed(self, folder: str) -> list[str]:
        """Scores of clips and of their perturbed copies, which `preferences` are measured on."""
        grid = self._compared(folder)
        return [f"{self.results}/perturbed/{run}/{name}.parquet" for run, name in grid]

    def _compared(self, folder: str) -> list[tuple[str, str]]:
        asked = self.params["preference"]["benchmarks"]
        return [pair for pair in self._present_pairs(folder) if pair[1] in asked]

    @property
    def thumbnails(self) -> list[str]:
        """Folders with pictures of the clips of every present benchmark."""
        names = [name for name in self.benchmarks if name in self.present]
        return [f"{self.results}/thumbnails/{name}" for name in names]

    @property
    def understanding(self) -> str:
        """The folder of answers to questions, and of what was measured on them."""
        return f"{self.results}/understanding"

    @property
    def tasks(self) -> dict[str, Mapping[str, Any]]:
        """Tasks whose videos are made, or brought: there is a receipt of their set."""
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
        """What the judge says of the open answers of a run; none without a judge."""
        path = f"{self.understanding}/judged/{run}/{task}.jsonl"
        return [] if self.params["judge"] is None else [path]

    def understood(self, folder: str) -> list[str]:
        """Measures of every run of a results folder on every task that can be asked."""
        runs = [run for run in self.runs(folder) if not self._untrained(run)]
        grid = ((run, task) for run in runs for task in self.tasks)
        return [f"{self.understanding}/measures/{run}/{task}.json" for run, task in grid]

    def report(self, folder: str) -> list[str]:
        """What a results folder ends in: tables, their numbers, figures and the page."""
        names = ("tables", "figures", "report.html", "numbers")
        return [f"{folder}/{name}" for name in names]
