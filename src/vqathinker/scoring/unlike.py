"""In what a clip is unlike what a policy has seen, so that its score says less.

Where the policy's record tells the range of its training clips, that is held against the clip; else
what is usual among the sets of this field (docs/datasets.md).
"""

from collections.abc import Iterator

from vqathinker.scoring.sample import SampledClip
from vqathinker.scoring.trained_on import Ends, TrainedOn
from vqathinker.video.probe import Probe
from vqathinker.video.sampling import ClipSetting

__all__ = ["what_is_unlike"]

# Of LSVQ and the sets that the paper evaluates on: 240p and more, 24 to 120 fps, 2 to 20 s.
_USUAL_SIDE: Ends = (240, 4320)
_USUAL_FPS: Ends = (20, 120)
_USUAL_SECONDS: Ends = (2, 20)
_SLACK = 1.1  # beyond either end of a range, before it is said


def what_is_unlike(clip: SampledClip, setting: ClipSetting, seen: TrainedOn) -> Iterator[str]:
    """A sentence for each; none where frames come from memory, of which nothing is known."""
    if len(set(clip.indices)) < len(clip.indices):
        yield (
            f"too short: it has fewer frames than the {len(clip.indices)} that the policy looks "
            "at, so some are shown to it twice"
        )
    if len(clip.indices) != setting.frames:
        yield f"{len(clip.indices)} frames were looked at; the policy is used to {setting.frames}"
    if clip.facts is None:
        return
    yield from _of_facts(clip.facts, seen)
    if clip.hdr:
        yield "HDR: its colours are read as if they were of standard range, and look pale"
    if clip.facts.note:
        yield clip.facts.note


def _of_facts(facts: Probe, seen: TrainedOn) -> Iterator[str]:
    side = min(facts.width, facts.height)
    if where := _outside(side, seen.side or _USUAL_SIDE):
        wanted = _range(seen.side, _USUAL_SIDE, "px")
        yield f"too {('small', 'large')[where > 0]}: {side} px at its shorter side; {wanted}"
    if where := _outside(facts.duration_s, seen.duration_s or _USUAL_SECONDS):
        wanted = _range(seen.duration_s, _USUAL_SECONDS, "s")
        long = f"too long: {facts.duration_s:g} s; {wanted}: --where scores its parts"
        yield long if where > 0 else f"too short: {facts.duration_s:g} s; {wanted}"
    if _outside(facts.fps, seen.fps or _USUAL_FPS):
        wanted = _range(seen.fps, _USUAL_FPS, "fps")
        yield f"odd frame rate: {facts.fps:g} frames per second; {wanted}"
    if facts.rotation:
        yield f"turned: its file says to turn it by {facts.rotation} degrees, which was done"


def _outside(value: float, ends: Ends) -> int:
    """-1 below, 1 above, 0 within."""
    return (value > ends[1] * _SLACK) - (value < ends[0] / _SLACK)


def _range(seen: Ends | None, usual: Ends, unit: str) -> str:
    low, high = seen or usual
    many = f"{low:g} to {high:g}" if low != high else f"{low:g}"
    return f"{'the training clips had' if seen else 'usual are'} {many} {unit}"
