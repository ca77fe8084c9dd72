"""Where data sets and their clips lie."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqathinker.phases.hashing import card_path, files_of
from vqathinker.phases.stamps import stamp_path

__all__ = ["DataLayout"]

ABLATIONS = "ablations"
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class DataLayout:
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

    def stamp(self, phase: str) -> str:
        """The stamp of a phase, or with a wildcard in it, of many."""
        return stamp_path(self.scale, phase).as_posix()

    def manifest(self, name: str) -> str:
        """The manifest of a data set."""
        return f"data/{name}/manifest.parquet"

    def receipt(self, name: str) -> str:
        """The receipt of a data set: every file that was brought or made."""
        return f"data/{name}/source.json"

    def shared_receipts(self, name: str) -> list[str]:
        """The receipt of the set whose files this one shares; none for a set with its own."""
        owner = files_of(card_path(name, self.params, _PACKAGE))
        return [self.receipt(owner)] if owner else []

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
