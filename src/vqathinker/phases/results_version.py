"""Versions of results: one integer for each kind of job, and one line for each change of it.

A job is out of date if its parameters or this number change. Code and versions of packages do not
count; provenance records them. If you change the output of a job on purpose, add a line here: the
job and all that depend on it then rerun. tests/workflow/test_pipeline.py compares the outputs of a
tiny pipeline with recorded ones.
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
    "absent": ("empty metrics of an absent set",),
    "preference": ("share of perturbed copies that score below the clip",),
    "ask": ("answers to questions",),
    "judge": ("scores of open answers by a judge",),
    "measure": ("accuracies and correlations of answers",),
    "tables": ("tables of scores, and their provenance", "provenance of all tables in one file"),
    "numbers": ("numbers of tables, for DVC",),
    "figures": ("curves, scatter plots, calibration",),
    "thumbnails": ("thumbnails of clips",),
    "page": ("the report",),
}

RESULTS_VERSION = {job: len(changes) for job, changes in _CHANGES.items()}
