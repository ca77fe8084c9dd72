"""One training run: from a base policy, clips and labels to checkpoints and a history."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from transformers import PrinterCallback

from vqathinker.atomic import whole_file
from vqathinker.errors import InputError
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.params import RunSettings, TrainingParams
from vqathinker.parquet import read_columns
from vqathinker.phases.locks import HeldError, only_writer
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.policy.folder.checkpoint import read_provenance
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.folder.shards import free_bytes
from vqathinker.products import MANIFEST
from vqathinker.training.checkpoints import (
    PROCESSES,
    TrainingError,
    finished_log,
    last_whole_checkpoint,
    step_of,
)
from vqathinker.training.history import (
    ProgressBar,
    history_table,
    require_tensorboard,
    tensorboard_callback,
    times_table,
)
from vqathinker.training.ineffective import ineffective_parameters
from vqathinker.training.resumable import KeepCheckpoints, ResumableTrainer
from vqathinker.training.setup import build_trainer, join_processes
from vqathinker.training.trained_on import describe_labels
from vqathinker.video.perturb import PerturbationTable
from vqathinker.video.sampling import parse_setting
from vqathinker.video.store import ClipStore

_log = logging.getLogger(__name__)


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

    `times` receives the seconds and memory of each step, which differ between equal runs.

    An interrupted run resumes from its last whole checkpoint if base policy, clips, labels,
    perturbations, the settings that change results, and their version are the same; otherwise its
    checkpoints are moved away first.

    Raises:
        InputError: the perturbations are not of these clips, or not there where a reward compares
            with perturbed copies.
        TrainingError: fewer clips have a label than a step needs, the settings ask for a package
            that is not there, gradients and optimiser do not fit, another process trains this run,
            or the run was stopped because it went wrong (`watch`).
    """
    if settings.training.tensorboard:
        require_tensorboard()
    state = join_processes(settings)
    rows, store = _labelled_clips(manifest, clips)
    _require_a_step(run, manifest, len(rows), settings.training, state.num_processes)
    draws = None if perturbations is None else PerturbationTable(perturbations)
    if draws is not None:
        draws.require(rows["prompt"], parse_setting(store.setting).frames)
    elif settings.copies:
        raise InputError(
            f"run {run} compares with perturbed copies, because these rewards.weights are not 0: "
            f"{', '.join(settings.rewards.weights.perturbed)}; expected --perturbations: draw them "
            "with `vqathinker perturb`"
        )
    base = read_provenance(policy)
    if state.is_main_process and (changed := ineffective_parameters(settings)):
        named = ", ".join(f"{name} ({why})" for name, why in changed.items())
        _log.warning("run %s: changed parameters without effect, or with less: %s", run, named)
    told = None
    if state.is_main_process:
        told = _fingerprint(settings, policy, manifest, perturbations, clips)
    [fingerprint] = broadcast_object_list([told])
    fingerprint[PROCESSES] = str(state.num_processes)
    base.setdefault("policy", fingerprint["policy"])
    origin = {"run": run, "base": str(policy), "inputs": fingerprint}
    origin["code"] = code_digest(Path("training", "run.py"), Path(__file__).parents[2])
    origin |= {"data": str(manifest), "setting": store.setting, "base_policy": base}
    origin["trained_on"] = describe_labels(manifest, set(rows["prompt"]))
    with _alone(out) if state.is_main_process else nullcontext():
        resume = last_whole_checkpoint(out, fingerprint) if state.is_main_process else None
        [resume] = broadcast_object_list([resume])
        log = finished_log(resume) if resume else None
        if log is None:
            trainer = build_trainer(policy, rows, store, settings, draws, out, origin)
            _require_memory(run, trainer.model, settings.training, state)
            trainer.remove_callback(PrinterCallback)
            if state.is_main_process:
                _watch_over(trainer, run, settings.training, out, resume, state.num_processes)
            trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
            log = trainer.state.log_history
        if state.is_main_process:
            _write(log, out, times)


def _watch_over(
    trainer: ResumableTrainer, run: str, how: TrainingParams, out: Path, resume: Path | None,
    processes: int,
) -> None:  # fmt: skip
    videos = how.videos_per_device * how.gradient_accumulation * processes
    trainer.add_callback(ProgressBar(run, videos, processes))
    trainer.add_callback(KeepCheckpoints(out / "checkpoints", how.keep))
    if how.tensorboard:
        done = 0 if resume is None else step_of(resume)
        trainer.add_callback(tensorboard_callback(out / "tensorboard", done))


def _write(log: list[dict[str, Any]], out: Path, times: Path | None) -> None:
    with whole_file(out / "history.csv") as part:
        history_table(log).to_csv(part, index=False, lineterminator="\n")
    if times is not None:
        with whole_file(times) as part:
            times_table(log).to_csv(part, index=False, float_format="%.4f", lineterminator="\n")


def _require_memory(
    run: str, policy: torch.nn.Module, how: TrainingParams, state: PartialState
) -> None:
    """Refuse a run whose first step must fail: the policy is loaded, its optimiser not yet.

    AdamW's moments and the gradients are float32. ZeRO-2 and FSDP2 share them among processes.
    """
    trained = sum(weight.numel() for weight in policy.parameters() if weight.requires_grad)
    shares = state.num_processes if how.launch in {"zero2", "fsdp2"} else 1
    needed, free = 12 * trained // shares, free_bytes(state.device)
    if free is not None and needed > free:
        raise TrainingError(
            f"run {run}: gradients and optimiser of {trained / 1e6:,.1f} million trained weights "
            f"need {needed / 1e9:.1f} GB, but {state.device} has {free / 1e9:.1f} GB left: train "
            "adapters (training.lora), freeze parts (training.freeze), or share them among more "
            "GPUs (training.launch: zero2)"
        )


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder; the lock ends with the process that holds it."""
    try:
        with only_writer(out, out / ".lock", "trains this run"):
            yield
    except HeldError as error:
        raise TrainingError(str(error)) from None


def _require_a_step(
    run: str, manifest: Path, videos: int, how: TrainingParams, processes: int
) -> None:
    needed = how.videos_per_device * how.gradient_accumulation * processes
    if videos < needed:
        raise TrainingError(
            f"{manifest}: {videos} videos have a label and a clip, but a step of run {run} needs "
            f"{needed}: training.videos_per_device {how.videos_per_device} x "
            f"training.gradient_accumulation {how.gradient_accumulation} x {processes} processes; "
            "lower one of them, or train on more videos"
        )


def _labelled_clips(manifest: Path, clips: Sequence[Path]) -> tuple[Dataset, ClipStore]:
    store = ClipStore(clips)
    table = read_columns(manifest, ["video", "mos_training"], MANIFEST)
    there = table[table["video"].isin(set(store.ids))].reset_index(drop=True)
    if there.empty:
        raise TrainingError(
            f"{manifest}: none of its {len(table)} videos is among the {len(store.ids)} clips of "
            f"{clips[0]}; decode the set that the manifest describes"
        )
    columns = {"prompt": list(there["video"]), "mos": list(there["mos_training"])}
    return Dataset.from_dict({**columns, "clip": list(range(len(there)))}), store


def _fingerprint(
    settings: RunSettings,
    policy: Path,
    manifest: Path,
    perturbations: Path | None,
    clips: Sequence[Path],
) -> dict[str, str]:
    no_matter = {"tensorboard", "patience", "keep", "launch", "log_every", "save_every"}
    told = settings.model_dump_json(exclude={"training": no_matter})
    with ThreadPoolExecutor() as pool:  # the paper's clips are 100 GB
        hashes = " ".join(pool.map(sha256_of_file, clips))
    return {
        "settings": hashlib.sha256(told.encode()).hexdigest(),
        "version": str(RESULTS_VERSION["train"]),
        "policy": policy_hash(policy),
        "manifest": sha256_of_file(manifest),
        "perturbations": "" if perturbations is None else sha256_of_file(perturbations),
        "clips": hashlib.sha256(hashes.encode()).hexdigest(),
    }
