"""Policy folders: safetensors, configuration, tokenizer, a card, and the record of their origin.

A folder loads by its path alone, without remote code and without pickle. Its record also keeps how
the scores in the policy's tables are made (`OwnEvaluation`).
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
from vqathinker.policy.folder.low_rank import ADAPTERS, take_apart
from vqathinker.policy.folder.shards import Shards, require_memory
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.products import POLICY

_SAMPLING = SamplingParams(answers=16, temperature=1.0, seed=0)  # of older records, which have none
CARD = "README.md"


class Policy(NamedTuple):
    """A loaded policy: the model in eval mode, its tokenizer, and the record of its origin."""

    model: VQAThinkerForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    provenance: dict[str, Any]


def save_policy(
    model: VQAThinkerForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, folder: Path,
    about: str, provenance: dict[str, Any],
) -> None:  # fmt: skip
    """Write a policy folder; what was in it is replaced. `about` is the body of its card."""
    with policy_folder(folder, model.config, tokenizer, about, provenance) as part:
        model.save_pretrained(part)


@contextmanager
def policy_folder(
    folder: Path, config: VQAThinkerConfig | None, tokenizer: PreTrainedTokenizerBase, about: str,
    provenance: dict[str, Any],
) -> Iterator[Path]:  # fmt: skip
    """Yields a folder for weights and configuration, which then replaces `folder` as a whole.

    Tokenizer, record and card are added.
    """
    with whole_folder(folder) as part:
        yield part
        tokenizer.save_pretrained(part)
        write_record(part, f"{folder.parent.name}/{folder.name}", config, about, provenance)


def write_record(
    part: Path, title: str, config: VQAThinkerConfig | None, about: str, provenance: dict[str, Any]
) -> None:
    """Add to a finished folder the record of its origin, with its hash, and its card."""
    record = {"vqathinker": __version__, "torch": torch.__version__, **provenance}
    record["machine"] = describe_machine()
    record["policy"] = policy_hash(part)
    (part / PROVENANCE).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    card = f"# {title}\n\n{about}"
    if config is not None:
        card = model_card(title, about, config, record)
    (part / CARD).write_text(card, encoding="utf-8")


def load_policy(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = torch.float32, *,
    merged: bool = False,
) -> Policy:  # fmt: skip
    """Load a policy folder; its weights go to the device one by one, without a second copy.

    Args:
        dtype: of all weights but the motion encoder's, which stay float32; None: as stored.
        merged: round the sum of base and adapters to half precision, where most of the adapters'
            change is lost. Else they stay apart there (`low_rank`). Needed for a policy whose
            weights are trained or saved; in float32 they are always merged.

    Raises:
        InputError: a part of the folder is missing or cannot be read, tensors do not fit, or the
            weights need more memory than the device has left.
    """
    config, provenance = read_config(folder), read_provenance(folder)
    device = torch.device(device)
    shards = Shards(folder)  # whose errors name a damaged file
    require_memory(folder, shards, device, dtype)
    tokenizer = read_tokenizer(folder)
    model, info = VQAThinkerForConditionalGeneration.from_pretrained(
        folder,
        config=config,
        dtype="auto" if dtype is None else dtype,
        device_map={"": device},
        attn_implementation="sdpa",  # packed rows and the search for scores need masks
        output_loading_info=True,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,
    )
    wrong = sorted({*map(str, info["missing_keys"]), *map(str, info["unexpected_keys"])})
    wrong += sorted(str(entry[0]) for entry in info["mismatched_keys"])
    if wrong:
        raise InputError(f"{folder}: tensors that do not fit: {', '.join(wrong[:8])}")
    _keep_buffers_as_stored(model, shards)
    if not merged and model.dtype.itemsize < torch.float32.itemsize:
        take_apart(model, shards, folder / ADAPTERS)
    provenance.setdefault("policy", policy_hash(folder))  # a checkpoint of training has none
    return Policy(model.eval(), tokenizer, provenance)


@torch.no_grad()
def _keep_buffers_as_stored(model: VQAThinkerForConditionalGeneration, shards: Shards) -> None:
    """transformers casts all buffers of a module alike, counters of batch norms included."""
    for name, buffer in list(model.named_buffers()):
        if name in shards and shards.dtypes[name] in {"F32", "I64"}:
            stored = shards[name]()
            if buffer.dtype != stored.dtype:
                owner, _, last = name.rpartition(".")
                setattr(model.get_submodule(owner), last, stored.to(buffer.device))


def read_config(folder: Path) -> VQAThinkerConfig:
    """The configuration of a policy folder.

    Raises:
        InputError: it cannot be read, or is another model's.
    """
    path = folder / "config.json"
    kind = read_json(path, "a policy's configuration", POLICY.remedy).get("model_type")
    if kind != VQAThinkerConfig.model_type:
        raise InputError(
            f"{path}: model_type is {kind!r}, expected {VQAThinkerConfig.model_type!r}: take "
            "`vqathinker policy import` for a checkpoint in the authors' layout"
        )
    with reading(path, "a policy's configuration", POLICY.remedy):
        config: VQAThinkerConfig = VQAThinkerConfig.from_pretrained(folder, local_files_only=True)
    return config


def read_provenance(folder: Path) -> dict[str, Any]:
    """The record of where a policy comes from."""
    return read_json(folder / PROVENANCE, "the record of a policy's origin", POLICY.remedy)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a policy folder."""
    with reading(folder / "tokenizer.json", "a policy's tokenizer", POLICY.remedy):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)


class OwnEvaluation(BaseModel):
    """The parameters of `evaluation` that a score depends on, with defaults for older folders.

    `score` is the kind that the tables show; None if it is not known.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    score: ScoreKind | None = None
    sampling: SamplingParams = _SAMPLING
    expectation: ExpectationParams = EXPECTATION


def own_evaluation(record: Mapping[str, Any], source: str) -> OwnEvaluation:
    """The key `evaluation` of a record that was read from `source`."""
    try:
        return OwnEvaluation.model_validate(record.get("evaluation", {}))
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, ("evaluation", *fault["loc"])))
        raise InputError(
            f"{source}: {key} is {fault['input']!r}. {fault['msg']}; expected what `evaluation` in "
            "params.yaml may hold: correct it there, or take the key out"
        ) from None
