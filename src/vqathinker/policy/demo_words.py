"""The words of the demo's policy: levels of strength, and kinds of degradation."""

__all__ = ["KINDS", "LEVELS", "WORDS"]

LEVELS = ("no", "faint", "slight", "mild", "clear", "strong", "severe", "extreme")
KINDS = {
    "x264": "compression", "x265": "compression", "vp9": "compression", "blur": "blur",
    "noise": "noise", "exposure": "exposure", "freeze": "stutter", "stutter": "stutter",
    "drop": "stutter",
}  # fmt: skip
WORDS = tuple(dict.fromkeys(KINDS.values()))
