"""Where predictions, answers and all that is made of them lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqathinker.layout.policies import PolicyLayout

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout(PolicyLayout):
    """Every path of one scale; see `DataLayout` for what it is made from."""

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
