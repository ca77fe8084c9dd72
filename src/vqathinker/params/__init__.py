"""params.yaml, checked and typed: a model per section, which says what each key means.

No model has a default: every value stands in params.yaml. `workflow/schemas/params.schema.yaml` is
made from these models by `vqathinker schema`, and checks what Snakemake reads.
"""

from vqathinker.params.base import (
    BaseParams,
    DemoBaseParams,
    HubBaseParams,
    OriginalBaseParams,
    PolicyBaseParams,
)
from vqathinker.params.data import (
    ClipsParams,
    DataParams,
    DemoDataParams,
    DownloadParams,
    PerturbationParams,
    ReaderName,
)
from vqathinker.params.model import Device, Kernels, Precision
from vqathinker.params.preference import PreferenceParams
from vqathinker.params.reading import (
    ParameterError,
    load_all,
    load_base,
    load_device,
    load_judge,
    load_kernels,
    load_run,
    load_section,
    load_seed,
)
from vqathinker.params.training import (
    AnswerParams,
    KeepParams,
    Launch,
    LoraParams,
    PatienceParams,
    PromptParams,
    RewardsParams,
    RunParams,
    RunSettings,
    TrainingParams,
)
from vqathinker.params.understanding import (
    JudgeParams,
    OptionReading,
    QuestionKind,
    TaskKind,
    TaskParams,
    UnderstandingParams,
)
from vqathinker.params.whole import (
    EvaluationParams,
    IntervalsParams,
    MetricsParams,
    Parameters,
    ReportParams,
    ResourcesParams,
    SamplingParams,
    ScoreKind,
    ThreadsParams,
    json_schema,
)

__all__ = [
    "AnswerParams",
    "BaseParams",
    "ClipsParams",
    "DataParams",
    "DemoBaseParams",
    "DemoDataParams",
    "Device",
    "DownloadParams",
    "EvaluationParams",
    "HubBaseParams",
    "IntervalsParams",
    "JudgeParams",
    "KeepParams",
    "Kernels",
    "Launch",
    "LoraParams",
    "MetricsParams",
    "OptionReading",
    "OriginalBaseParams",
    "ParameterError",
    "Parameters",
    "PatienceParams",
    "PerturbationParams",
    "PolicyBaseParams",
    "Precision",
    "PreferenceParams",
    "PromptParams",
    "QuestionKind",
    "ReaderName",
    "ReportParams",
    "ResourcesParams",
    "RewardsParams",
    "RunParams",
    "RunSettings",
    "SamplingParams",
    "ScoreKind",
    "TaskKind",
    "TaskParams",
    "ThreadsParams",
    "TrainingParams",
    "UnderstandingParams",
    "json_schema",
    "load_all",
    "load_base",
    "load_device",
    "load_judge",
    "load_kernels",
    "load_run",
    "load_section",
    "load_seed",
]
