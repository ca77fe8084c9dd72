"""Generated parts of pages: requirements of each scale, and published results.

They are between `<!-- made: NAME -->` and `<!-- end -->`.
"""

import re
from pathlib import Path

from vqathinker.datasets.inventory import format_bytes
from vqathinker.params import load_all
from vqathinker.planning import CPU, DEVICES, Plan, make_plan
from vqathinker.reporting.published import PAPER_METHOD, read_published

ROOT = Path(__file__).parents[2]
GENERATED = re.compile(r"(<!-- made: (\w+) -->\n\n)(?:[^<\n].*\n)*\n?(<!-- end -->)")
GPU = "H100"


def with_tables(text: str) -> str:
    """Replace the generated parts of a text."""
    make = {"scales": scales, "published": published, "paper": paper, "konvid": konvid}
    return GENERATED.sub(lambda found: f"{found[1]}{make[found[2]]()}\n\n{found[3]}", text)


def scales() -> str:
    """A table with the plan of each scale."""
    lines = [
        "| Scale | Model | Hardware | Training of `grpo` | All runs | Downloads | Disk |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    bases = {
        "demo": "tiny, InternVL-shaped",
        "single-gpu": "InternVL3-2B with LoRA",
        "paper": "InternVL3-8B",
    }
    for scale, base in bases.items():
        plan = _plan(scale)
        [grpo] = [row for row in plan.runs if row.name == "grpo"]
        gpus = f"{plan.processes} × {GPU}" if plan.device.gpu else "CPU, 2 cores"
        fetched = sum(plan.download.values())
        downloads = f"{format_bytes(fetched)} or more" if plan.unpublished else "none"
        disk = format_bytes(sum(plan.disk.values()))
        hours = f"{_hours(grpo.hours)} | {_hours(plan.hours['all'])}"
        lines.append(f"| `{scale}` | {base} | {gpus} | {hours} | {downloads} | {disk} |")
    return "\n".join(lines)


def paper() -> str:
    """The resources that all runs of the scale `paper` need."""
    plan = _plan("paper")
    [grpo] = [row for row in plan.runs if row.name == "grpo"]
    predicted = sum(hours for _, hours in plan.predictions.values())
    return (
        f"For all runs on {plan.processes} {GPU}, the plan estimates "
        f"{format_bytes(sum(plan.download.values()))} of downloads (where sizes are published), "
        f"{format_bytes(sum(plan.disk.values()))} of disk ({format_bytes(plan.disk['models'])} of "
        f"it for policies and checkpoints), {plan.hours['training']:.0f} hours of training, and "
        f"{plan.hours['prediction']:.0f} hours of prediction on one GPU. The method itself, run "
        f"`grpo`, takes {grpo.hours:.1f} hours of training and {predicted:.1f} hours of prediction."
    )


def konvid() -> str:
    """The resources that predicting one open benchmark needs."""
    plan, how = _plan("paper"), load_all(ROOT / "params.yaml", ["scale=paper"]).evaluation
    _, hours = plan.predictions["konvid_1k"]
    memory = next(iter(plan.prediction_memory.values()))
    return (
        f"For `konvid_1k` the plan estimates {hours:.2f} hours of prediction on one such GPU, and "
        f"{format_bytes(memory.peak)} of GPU memory at `evaluation.batch_size: {how.batch_size}`."
    )


def _hours(hours: float) -> str:
    return f"{hours:.0f} h" if hours >= 10 else f"{hours:.1g} h" if hours < 1 else f"{hours:.1f} h"


def _plan(scale: str) -> Plan:
    wanted = load_all(ROOT / "params.yaml", [f"scale={scale}"])
    return make_plan(wanted, DEVICES[GPU] if wanted.resources.train.gpu else CPU)


def published() -> str:
    """The results of the paper, with a row for each benchmark of the scale `paper`."""
    rows = {row["benchmark"]: row for row in read_published() if row["method"] == PAPER_METHOD}
    data = load_all(ROOT / "params.yaml", ["scale=paper"]).data
    lines = [
        "| Benchmark | Domain | Videos | Paper, SRCC | Paper, PLCC | Ours |",
        "|---|---|---:|---:|---:|---|",
    ]
    for domain, names in (
        ("in-domain", data.in_domain),
        ("out of distribution", data.out_of_distribution),
    ):
        for name in names:
            row = rows[name]
            figures = f"{row['srcc']:.3f} | {row['plcc']:.3f}"
            lines.append(
                f"| `{name}` | {domain} | {data.counts[name]:,} | {figures} | not run yet |"
            )
    return "\n".join(lines)
