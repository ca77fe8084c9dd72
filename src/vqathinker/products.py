"""What the files are that commands hand to each other, and how each is made: for error messages."""

from typing import NamedTuple


class Product(NamedTuple):
    """A kind of file or folder, and what to do where it is not there or another."""

    name: str
    remedy: str

    def __str__(self) -> str:
        """To stand after "expected"."""
        return f"{self.name}: {self.remedy}"


SOURCE = Product("the files of a set", "bring them with `vqathinker data fetch`")
MANIFEST = Product("a manifest", "write it with `vqathinker data manifest`")
CLIPS = Product("a shard of clips", "write it with `vqathinker decode`")
PERTURBATIONS = Product(
    "a table of perturbations", "draw them with `vqathinker perturb` for this set"
)
DEGRADATIONS = Product(
    "a CSV with video, kind and strength of each clip's degradation",
    "`vqathinker data fetch` writes it with a made set",
)
POLICY = Product(
    "a policy's folder", "write it with `vqathinker base`, `export` or `policy import`"
)
RUN = Product("a run's folder", "write it with `vqathinker train`")
HISTORY = Product("a history of training", "write it with `vqathinker train`")
PREDICTIONS = Product("predictions", "write them with `vqathinker predict`")
METRICS = Product("metrics of one run on one benchmark", "write them with `vqathinker metrics`")
PERTURBED = Product("predictions on perturbed copies", "write them with `vqathinker perturbed`")
PREFERENCE = Product(
    "temporal preference of one run on one benchmark", "write it with `vqathinker preference`"
)
QUESTIONS = Product("the questions of a task", "bring them with `vqathinker data fetch`")
ANSWERS = Product("answers to questions", "write them with `vqathinker understanding ask`")
JUDGED = Product("what a judge said of answers", "write it with `vqathinker understanding judge`")
UNDERSTANDING = Product(
    "measures of answers to questions", "write them with `vqathinker understanding measure`"
)
TABLE = Product("a table of scores", "write it with `vqathinker tables`")
FIGURES = Product("a folder of figures", "draw them with `vqathinker figures`")
THUMBNAILS = Product(
    "thumbnails of the clips of a benchmark", "draw them with `vqathinker thumbnails`"
)
RESULTS = Product("the results of a scale", "make them with snakemake")
