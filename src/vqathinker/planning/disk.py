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

__all__ = ["KEPT_CHECKPOINTS", "Disk", "disk_of"]

KEPT_CHECKPOINTS = 2  # of a run
_MOMENTS = 8


@dataclass(frozen=True)
class Disk:
    """Bytes by name.

    Attributes:
        download: to be fetched, for each set and for the base policy.
        rooms: what will lie in data, clips and models.
        unknown: sets whose size nobody published; they come on top.
    """

    download: dict[str, int]
    rooms: dict[str, int]
    unknown: tuple[str, ...]


def disk_of(
    params: Parameters, layout: Layout, sizes: PolicySizes, jobs: dict[str, TrainingJob]
) -> Disk:
    """Of a scale, with a job for each run that is trained. Made sets take no more than clips do."""
    download, stored, unknown = _sets(params.data, layout)
    if params.base.kind == "hub":
        hub = sizes.total - sizes.weights[FROZEN] - sizes.weights["motion_projector"]
        download["base policy"] = 2 * hub
        download["SlowFast"] = 4 * SLOWFAST_WEIGHTS
    seen = {Path(file).parent.parts[1:] for file in layout.clips(layout.ablations)}
    clips = sum(
        params.data.counts[name] * parse_setting(setting).clip_bytes for name, setting in seen
    )
    width = 2 if params.base.kind == "hub" else 4
    policy = width * sizes.total + (4 - width) * sizes.weights[FROZEN]
    models = policy + sum(
        policy + KEPT_CHECKPOINTS * (policy + _optimiser_bytes(job)) for job in jobs.values()
    )
    return Disk(download, {"data": stored, "clips": clips, "models": models}, unknown)


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
