"""Names of the files that commands exchange, and how to make each, for error messages."""

from typing import NamedTuple


class Product(NamedTuple):
    """A kind of file or folder, and what to do if it is missing or wrong."""

    name: str
    remedy: str

    def __str__(self) -> str:
        """The phrase that follows "expected"."""
        return f"{self.name}: {self.remedy}"


SOURCE = Product("the files of a set", "fetch them with `vqathinker data fetch`")
MANIFEST = Product("a manifest", "write it with `vqathinker data manifest`")
CLIPS = Product("a shard of clips", "write it with `vqathinker decode`")
PERTURBATIONS = Product("a table of perturbations", "draw them with `vqathinker perturb`")
DEGRADATIONS = Product(
    "a CSV file with video, kind and strength of each degradation",
    "write it with `vqathinker data fetch`",
)
POLICY = Product("a policy folder", "write it with `vqathinker base`, `export` or `policy import`")
RUN = Product("the folder of a run", "write it with `vqathinker train`")
HISTORY = Product("a training history", "write it with `vqathinker train`")
PREDICTIONS = Product("predictions", "write them with `vqathinker predict`")
METRICS = Product("metrics of one run on one benchmark", "write them with `vqathinker metrics`")
PERTURBED = Product(
    "predictions on perturbed copies", "write them with `vqathinker predict-perturbed`"
)
PREFERENCE = Product(
    "temporal preference of one run on one benchmark", "write it with `vqathinker preference`"
)
QUESTIONS = Product("the questions of a task", "fetch them with `vqathinker data fetch`")
ANSWERS = Product("answers to questions", "write them with `vqathinker understanding ask`")
JUDGED = Product("verdicts of a judge", "write them with `vqathinker understanding judge`")
UNDERSTANDING = Product(
    "measures of answers to questions", "write them with `vqathinker understanding measure`"
)
TABLE = Product("a table of scores", "write it with `vqathinker tables`")
FIGURES = Product("a folder of figures", "draw them with `vqathinker figures`")
THUMBNAILS = Product(
    "thumbnails of the clips of a benchmark", "draw them with `vqathinker thumbnails`"
)
RESULTS = Product("the results of a scale", "make them with snakemake")
