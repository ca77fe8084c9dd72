"""Where policies lie, and which run starts from which."""

from dataclasses import dataclass

from vqathinker.layout.data import DataLayout
from vqathinker.phases.parameters import bases_of

__all__ = ["PolicyLayout"]


@dataclass(frozen=True)
class PolicyLayout(DataLayout):
    """Paths of runs and their policies; see `DataLayout`."""

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
