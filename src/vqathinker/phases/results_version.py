"""Versions of results: one whole number for each kind of job, and a line for every change of it.

A job is out of date when its parameters change or this number does. Code and versions of packages
do not count: provenance records them. Whoever changes on purpose what a job writes adds a line
here, and then this job and all that follow from it run again. tests/workflow/test_results.py runs
the tiny pipeline, compares what it makes with what is on record, and says where to add the line.
"""

_CHANGES: dict[str, tuple[str, ...]] = {
    "fetch": ("files of cards; videos of the demo by the pinned ffmpeg",),
    "manifest": ("a row for each label, with the facts of its video",),
    "decode": ("sampled frames, uint8",),
    "perturb": ("frame indices and masks of six kinds of perturbation",),
    "base": ("base policies: made, of the hub, a policy folder, original weights",),
    "train": ("GRPO with the k3 estimator, log-probabilities without <IMG_CONTEXT>",),
    "export": ("adapters merged in float32",),
    "predict": ("greedy, mean and expected scores",),
    "perturbed": ("scores of clips and of their perturbed copies",),
    "metrics": ("SRCC, PLCC after the logistic fit, intervals",),
    "absent": ("metrics of a set that is not there",),
    "preference": ("share of perturbed copies that score below the clip",),
    "ask": ("answers to questions beside the score",),
    "judge": ("what a judge says of open answers",),
    "measure": ("accuracies and correlations of answers",),
    "tables": ("tables of scores, and their provenance", "provenance of all tables in one file"),
    "numbers": ("numbers of tables, for DVC",),
    "figures": ("curves, scatter plots, calibration",),
    "thumbnails": ("small pictures of clips",),
    "page": ("the report",),
}

RESULTS_VERSION = {job: len(changes) for job, changes in _CHANGES.items()}
