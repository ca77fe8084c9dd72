"""Allowed values of parameters and command-line options.

They are separate from the models of params.yaml, so that importing them does not import pydantic.
"""

from typing import Final, Literal

AnswerParsing = Literal["strict", "authors"]
Device = Literal["auto", "cpu", "cuda"]
GpuName = Literal["B200", "H200", "H100", "A100-80G", "A100-40G", "L40S", "RTX-4090"]
Kernels = Literal["native", "avx2"]
PerturbationKind = Literal[
    "shuffle", "local_shuffle", "reverse", "jitter", "duplicate", "random_drop"
]
Precision = Literal["auto", "bf16", "fp32"]
ScoreKind = Literal["greedy", "mean", "expected"]
SETTING_PATTERN: Final = r"[1-9]\d*x[1-9]\d*(-tiles[1-9]\d*)?"  # of a clip setting
