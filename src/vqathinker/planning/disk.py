"""Bytes that are downloaded and that each room of the project will hold."""

from dataclasses import dataclass
from pathlib import Path

from vqathinker.datasets.card import load_card
from vqathinker.datasets.inventory import download_bytes, stored_bytes
from vqathinker.layout import Layout
from vqathinker.params import DataParams, Parameters
from vqathinker.planning.assumptions import SLOWFAST_WEIGHTS
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.sizes import PolicySizes
from vqathinker.policy.parts import FROZEN
from vqathinker.video.sampling import parse_setting

__all__ = ["Disk", "disk_of"]

_MOMENTS = 8
_HUB_CACHE = "$HF_HOME"  # where the hub's client keeps what it brings


@dataclass(frozen=True)
class Disk:
    """Bytes by name.

    Attributes:
        download: to be fetched, for each set and for the base policy.
        rooms: what will lie in data, clips and models, and in the cache of the hub's client, from
            which base policies are copied.
        unknown: sets whose size nobody published; they come on top.
    """

    download: dict[str, int]
    rooms: dict[str, int]
    unknown: tuple[str, ...]


def disk_of(
    params: Parameters, layout: Layout, bases: dict[str, PolicySizes],
    jobs: dict[str, TrainingJob],
) -> Disk:  # fmt: skip
    """Of a scale with all its runs. Made sets take no more than clips do.

    Args:
        params: of the scale.
        layout: of the scale.
        bases: sizes of each base policy by its name.
        jobs: one for each run that is trained.
    """
    download, stored, unknown = _sets(params.data, layout)
    brought = _base_downloads(params, bases)
    download |= brought
    if params.base.kind == "hub":
        download["SlowFast"] = 4 * SLOWFAST_WEIGHTS
    seen = {Path(file).parent.parts[1:] for file in layout.clips(layout.ablations)}
    clips = sum(
        params.data.counts[name] * parse_setting(setting).clip_bytes for name, setting in seen
    )
    width = 4 if params.base.kind == "demo" else 2
    models = sum(_policy_bytes(sizes, width) for sizes in bases.values())
    models += sum(_run_bytes(job, width) for job in jobs.values())
    rooms = {"data": stored, "clips": clips, "models": models}
    if brought:
        rooms[_HUB_CACHE] = sum(brought.values())
    return Disk(download, rooms, unknown)


def _base_downloads(params: Parameters, bases: dict[str, PolicySizes]) -> dict[str, int]:
    """What the hub's client brings, two bytes a weight; the scale's own is the base policy."""
    found = {}
    for base in (params.base, *(row.base for row in params.runs.values())):
        if base.kind == "demo" or base.name not in bases or Path(base.source).is_dir():
            continue
        sizes = bases[base.name]
        motion = sizes.weights[FROZEN] + sizes.weights["motion_projector"]
        own = "base policy" if base == params.base else f"base policy {base.name}"
        found[own] = 2 * (sizes.total - (motion if base.kind == "hub" else 0))
    return found


def _policy_bytes(sizes: PolicySizes, width: int) -> int:
    """A policy folder, whose motion encoder has four bytes a weight."""
    return width * sizes.total + (4 - width) * sizes.weights[FROZEN]


def _run_bytes(job: TrainingJob, width: int) -> int:
    """What a run exports, and the checkpoints that stay: the best may be another than the last."""
    policy, keep = _policy_bytes(job.sizes, width), job.training.keep
    return policy + (keep.last + keep.best) * (policy + _optimiser_bytes(job))


def _optimiser_bytes(job: TrainingJob) -> int:
    return (_MOMENTS + (4 if job.half else 0)) * job.trained


def _sets(data: DataParams, layout: Layout) -> tuple[dict[str, int], int, tuple[str, ...]]:
    download, stored, unknown = {}, 0, []
    for name in layout.sets:
        card = load_card(name, Path(data.cards))
        if card.made:
            continue
        brought, kept = download_bytes(card), stored_bytes(card)
        if brought is None or kept is None:
            unknown.append(name)
        if brought:
            download[name] = brought
        stored += kept or 0
    return download, stored, tuple(unknown)
