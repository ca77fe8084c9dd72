"""One training run: from a base policy, clips and labels to checkpoints and history.csv."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from transformers import PrinterCallback
from transformers.integrations import TensorBoardCallback

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.params import RunSettings
from vqathinker.parquet import read_columns
from vqathinker.phases.locks import single_writer
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.policy.device import choose_device
from vqathinker.policy.folder.checkpoint import read_provenance
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.products import MANIFEST
from vqathinker.training.checkpoints import (
    PROCESSES,
    checkpoint_to_resume,
    finished_log,
    step_of,
)
from vqathinker.training.history import ProgressBar, history_table, times_table
from vqathinker.training.setup import build_trainer
from vqathinker.training.trained_on import describe_training_set
from vqathinker.video.perturb import PerturbationTable
from vqathinker.video.sampling import parse_setting
from vqathinker.video.store import ClipStore

# Settings that do not change results: a run resumes if only these differ.
_WITHOUT_EFFECT = {"tensorboard", "keep", "launch", "save_every"}


def train(
    run: str,
    settings: RunSettings,
    *,
    policy: Path,
    manifest: Path,
    clips: Sequence[Path],
    perturbations: Path | None,
    out: Path,
    times: Path | None = None,
) -> None:
    """Train `run` and write `out`/checkpoints/ and `out`/history.csv.

    An interrupted run resumes from its last intact checkpoint if base policy, clips, labels,
    perturbations, the settings that change results, and their version are the same. Otherwise its
    checkpoints are moved away first. `times` receives seconds and memory of each step.

    Raises:
        InputError: perturbations are missing or belong to other clips, fewer clips have a label
            than a step needs after `holdout` of them are kept, or a loss or gradient is not finite.
        LockedError: another process trains this run.
    """
    training = settings.training
    # Finds the other processes of this training, if there are several.
    state = PartialState(cpu=choose_device(settings.device).type == "cpu")
    store = ClipStore(clips)
    rows, held_out = _training_rows(manifest, store, training.holdout, settings.seed)
    step_videos = training.videos_per_device * training.gradient_accumulation * state.num_processes
    if len(rows) < step_videos:
        raise InputError(
            f"{manifest}: {len(rows)} videos have a label and a clip in {clips[0].parent}, and are "
            f"not held out (training.holdout {training.holdout}), but a step of run {run} needs "
            f"{step_videos}: training.videos_per_device "
            f"{training.videos_per_device} x training.gradient_accumulation "
            f"{training.gradient_accumulation} x the number of processes; lower one of them, or "
            "decode more videos of this manifest"
        )
    table = None if perturbations is None else PerturbationTable(perturbations)
    if table is not None:
        table.require(rows["prompt"], parse_setting(store.setting).frames)
    elif settings.copies:
        raise InputError(
            f"run {run} needs --perturbations, because these rewards.weights are not 0: "
            f"{', '.join(settings.rewards.weights.perturbed)}; create the file with "
            "`vqathinker perturb`"
        )
    fingerprint = None
    if state.is_main_process:
        fingerprint = _fingerprint(settings, policy, manifest, perturbations, clips)
    [fingerprint] = broadcast_object_list([fingerprint])
    fingerprint[PROCESSES] = str(state.num_processes)
    provenance = {
        "run": run,
        "base": str(policy),
        "inputs": fingerprint,
        "code": code_digest(),
        "data": str(manifest),
        "setting": store.setting,
        "base_policy": {"policy": fingerprint["policy"], **read_provenance(policy)},
        "trained_on": {
            **describe_training_set(manifest, set(rows["prompt"])), "held_out": held_out
        },
    }  # fmt: skip
    lock = single_writer(out, out / ".lock", "trains this run")
    with lock if state.is_main_process else nullcontext():
        resume = checkpoint_to_resume(out, fingerprint) if state.is_main_process else None
        [resume] = broadcast_object_list([resume])
        log = finished_log(resume) if resume else None
        if log is None:
            trainer = build_trainer(policy, rows, store, settings, table, out, provenance)
            trainer.remove_callback(PrinterCallback)
            if state.is_main_process:
                trainer.add_callback(ProgressBar(run))
                if training.tensorboard:
                    done = 0 if resume is None else step_of(resume)
                    trainer.add_callback(_tensorboard(out, done))
            trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
            log = trainer.state.log_history
        if state.is_main_process:
            _write(log, out, times)


def hold_out(videos: Iterable[str], number: int, seed: int) -> list[str]:
    """The ids of `number` videos that are not trained on, drawn without replacement, sorted.

    >>> hold_out(["a", "b", "c", "d"], 2, 42) == hold_out(["d", "c", "b", "a"], 2, 42)
    True
    """
    drawn = np.random.default_rng(seed).permutation(sorted(videos))[:number]
    return sorted(drawn.tolist())


def _tensorboard(out: Path, done: int) -> TensorBoardCallback:
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  optional

    # `purge_step` hides earlier events of steps that a resumed run repeats.
    return TensorBoardCallback(SummaryWriter(str(out / "tensorboard"), purge_step=done + 1))


def _write(log: list[dict[str, Any]], out: Path, times: Path | None) -> None:
    with whole_file(out / "history.csv") as part:
        history_table(log).to_csv(part, index=False, lineterminator="\n")
    if times is not None:
        with whole_file(times) as part:
            times_table(log).to_csv(part, index=False, float_format="%.4f", lineterminator="\n")


def _training_rows(
    manifest: Path, store: ClipStore, holdout: int, seed: int
) -> tuple[Dataset, list[str]]:
    """Rows of `prompt` (video id), `mos` and `clip` (row number), and the ids that are held out."""
    table = read_columns(manifest, ["video", "mos_training"], MANIFEST)
    labelled = table[table["video"].isin(set(store.ids))]
    held_out = hold_out(labelled["video"], holdout, seed)
    rows = labelled[~labelled["video"].isin(held_out)]
    columns = {"prompt": list(rows["video"]), "mos": list(rows["mos_training"])}
    return Dataset.from_dict({**columns, "clip": list(range(len(rows)))}), held_out


def _fingerprint(
    settings: RunSettings,
    policy: Path,
    manifest: Path,
    perturbations: Path | None,
    clips: Sequence[Path],
) -> dict[str, str]:
    """Everything that changes results: settings, their version, and the content of all inputs."""
    with_effect = settings.model_dump_json(exclude={"training": _WITHOUT_EFFECT})
    with ThreadPoolExecutor() as pool:  # the paper's clips are 100 GB
        hashes = " ".join(pool.map(sha256_of_file, clips))
    return {
        "settings": hashlib.sha256(with_effect.encode()).hexdigest(),
        "version": str(RESULTS_VERSION["train"]),
        "policy": policy_hash(policy),
        "manifest": sha256_of_file(manifest),
        "perturbations": "" if perturbations is None else sha256_of_file(perturbations),
        "clips": hashlib.sha256(hashes.encode()).hexdigest(),
    }
