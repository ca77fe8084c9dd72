"""Write and load policy folders: safetensors, configuration, tokenizer, card and provenance.

A folder loads by its path, without remote code and without pickle. Its provenance includes how the
scores in the policy's tables are computed (`EvaluationRecord`).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from vqathinker import __version__
from vqathinker.atomic import whole_folder
from vqathinker.errors import InputError, read_json, reading
from vqathinker.params import EXPECTATION, ExpectationParams, SamplingParams, ScoreKind
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.folder.card import model_card
from vqathinker.policy.folder.hashes import PROVENANCE, policy_hash
from vqathinker.policy.folder.low_rank import ADAPTERS, separate_adapters
from vqathinker.policy.folder.shards import Shards, require_memory
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.products import POLICY

_SAMPLING = SamplingParams(answers=16, temperature=1.0, seed=0)  # of policies without a run
CARD = "README.md"


class Policy(NamedTuple):
    """A loaded policy: the model in eval mode, its tokenizer and its provenance."""

    model: VQAThinkerForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    provenance: dict[str, Any]


def save_policy(
    model: VQAThinkerForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    about: str,
    provenance: dict[str, Any],
) -> None:
    """Write or replace a policy folder. `about` is the first paragraph of its card."""
    with policy_folder(folder, model.config, tokenizer, about, provenance) as part:
        model.save_pretrained(part)


@contextmanager
def policy_folder(
    folder: Path,
    config: VQAThinkerConfig | None,
    tokenizer: PreTrainedTokenizerBase,
    about: str,
    provenance: dict[str, Any],
) -> Iterator[Path]:
    """Yield a new folder for weights and configuration, which then replaces `folder`.

    Tokenizer, provenance and card are added at the end.
    """
    with whole_folder(folder) as part:
        yield part
        tokenizer.save_pretrained(part)
        write_provenance(part, f"{folder.parent.name}/{folder.name}", config, about, provenance)


def write_provenance(
    part: Path, title: str, config: VQAThinkerConfig | None, about: str, provenance: dict[str, Any]
) -> None:
    """Add provenance, including the hash, and the card to a folder."""
    record = {"vqathinker": __version__, "torch": torch.__version__, **provenance}
    record["machine"] = describe_machine()
    record["policy"] = policy_hash(part)
    (part / PROVENANCE).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    card = f"# {title}\n\n{about}"
    if config is not None:
        card = model_card(title, about, config, record)
    (part / CARD).write_text(card, encoding="utf-8")


def load_policy(
    folder: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = torch.float32,
    *,
    merged: bool = False,
) -> Policy:
    """Load a policy folder onto a device, weight by weight.

    Args:
        dtype: of all weights but the motion encoder's, which stay float32; None: as stored.
        merged: in half precision, merge adapters, which rounds away most of their change, instead
            of keeping them separate (`low_rank`). Required if the weights are trained or saved. In
            float32 they are always merged.

    Raises:
        InputError: a part of the folder is missing or cannot be read, tensors do not match, or the
            weights need more memory than the device has available.
    """
    config, provenance = read_config(folder), read_provenance(folder)
    device = torch.device(device)
    shards = Shards(folder)  # raises errors that name a damaged file
    require_memory(folder, shards, device, dtype)
    tokenizer = read_tokenizer(folder)
    model, info = VQAThinkerForConditionalGeneration.from_pretrained(
        folder,
        config=config,
        dtype="auto" if dtype is None else dtype,
        device_map={"": device},
        attn_implementation="sdpa",  # packed rows and expected scores need masks
        output_loading_info=True,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,
    )
    wrong = sorted({*map(str, info["missing_keys"]), *map(str, info["unexpected_keys"])})
    wrong += sorted(str(entry[0]) for entry in info["mismatched_keys"])
    if wrong:
        raise InputError(
            f"{folder}: missing, unexpected or wrongly shaped tensors: "
            f"{', '.join(wrong[:8])}; {POLICY.remedy}"
        )
    _keep_buffers_as_stored(model, shards)
    if not merged and model.dtype.itemsize < torch.float32.itemsize:
        separate_adapters(model, shards, folder / ADAPTERS)
    provenance.setdefault("policy", policy_hash(folder))  # checkpoints of a run have none
    return Policy(model.eval(), tokenizer, provenance)


@torch.no_grad()
def _keep_buffers_as_stored(model: VQAThinkerForConditionalGeneration, shards: Shards) -> None:
    """Undo the cast of transformers, which includes the counters of batch norms."""
    for name, buffer in list(model.named_buffers()):
        if name in shards and shards.dtypes[name] in {"F32", "I64"}:
            stored = shards[name]()
            if buffer.dtype != stored.dtype:
                owner, _, last = name.rpartition(".")
                setattr(model.get_submodule(owner), last, stored.to(buffer.device))


def read_config(folder: Path) -> VQAThinkerConfig:
    """Read the configuration of a policy folder.

    Raises:
        InputError: it cannot be read, or is that of another model.
    """
    path = folder / "config.json"
    kind = read_json(path, "a policy's configuration", POLICY.remedy).get("model_type")
    if kind != VQAThinkerConfig.model_type:
        raise InputError(
            f"{path}: model_type is {kind!r}, expected {VQAThinkerConfig.model_type!r}: import a "
            "checkpoint in the authors' layout with `vqathinker policy import`"
        )
    with reading(path, "a policy's configuration", POLICY.remedy):
        config: VQAThinkerConfig = VQAThinkerConfig.from_pretrained(folder, local_files_only=True)
    return config


def read_provenance(folder: Path) -> dict[str, Any]:
    """Read the provenance of a policy folder."""
    return read_json(folder / PROVENANCE, "a policy's provenance", POLICY.remedy)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Read the tokenizer of a policy folder."""
    with reading(folder / "tokenizer.json", "a policy's tokenizer", POLICY.remedy):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)


class EvaluationRecord(BaseModel):
    """The parameters of `evaluation` that scores depend on. `score` is the kind in the tables."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    score: ScoreKind | None = None
    sampling: SamplingParams = _SAMPLING
    expectation: ExpectationParams = EXPECTATION


def evaluation_record(record: Mapping[str, Any], source: str) -> EvaluationRecord:
    """The section `evaluation` of provenance or parameters that were read from `source`."""
    try:
        return EvaluationRecord.model_validate(record.get("evaluation", {}))
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, ("evaluation", *fault["loc"])))
        raise InputError(
            f"{source}: {key} is {fault['input']!r}. {fault['msg']}; expected a value as in "
            "`evaluation` of params.yaml: correct or remove it"
        ) from None
