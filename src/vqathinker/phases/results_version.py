"""Versions of results: one integer for each kind of job, with one line for each change.

A job is out of date if its parameters or this number change. Code and package versions do not
count; they are recorded in the provenance. If you change the output of a job on purpose, add a line
here: that job and all that depend on it then rerun. tests/workflow/test_pipeline.py compares the
outputs of a tiny pipeline with recorded ones.
"""

_CHANGES: dict[str, tuple[str, ...]] = {
    "fetch": (
        "files named by cards; videos of the demo from the pinned ffmpeg",
        "larger videos of the demo, with several degradations each",
    ),
    "manifest": (
        "one row per label, with properties of its video",
        "the strongest of several degradations",
    ),
    "decode": ("sampled frames, uint8", "spectra of blocks in the statistics of tiles"),
    "perturb": ("frame indices and masks of six kinds of perturbations",),
    "base": (
        "base policies: demo, hub, policy folder, authors' weights",
        "statistics of native frames in the demo's motion features",
    ),
    "train": (
        "GRPO with the k3 estimator, log-probabilities without <IMG_CONTEXT>",
        "columns of history.csv renamed, kept clips encoded one at a time",
    ),
    "export": ("policies with adapters merged in float32",),
    "predict": ("greedy, mean and expected scores", 'status "truncated" instead of "cut_off"'),
    "predict_perturbed": ("scores of clips and of their perturbed copies",),
    "metrics": (
        "SRCC, PLCC after the logistic fit, confidence intervals",
        "counts n_no_score and truncated renamed",
    ),
    "skip_missing": ("empty metrics of a missing set",),
    "preference": ("share of perturbed copies that score below their clip",),
    "ask": ("answers to questions", "columns and the status truncated renamed"),
    "judge": ("a judge's scores of open-ended answers", "status invalid renamed"),
    "measure": ("accuracy and correlation of answers", "key answer_by renamed"),
    "tables": ("tables with provenance", "provenance of all tables in one file", "columns renamed"),
    "metrics_json": ("numbers of the tables as JSON, for DVC",),
    "figures": ("curves, scatter plots, calibration",),
    "thumbnails": ("thumbnails of clips", "the number of tiles in the index"),
    "report": ("the report page",),
}

RESULTS_VERSION = {job: len(changes) for job, changes in _CHANGES.items()}
