"""Tiny random policies in the layouts of the real ones, sharded, and SlowFast's weights."""

import hashlib
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from tests.rehearsal.speech import PHRASES, teach_format
from transformers import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    PreTrainedTokenizerBase,
    Qwen2Config,
)

from vqathinker.params.base import HubBaseParams
from vqathinker.policy.inputs import image_token_id
from vqathinker.policy.interchange.bases import prepare_hub_base
from vqathinker.policy.interchange.original import export_original
from vqathinker.policy.motion.slowfast import SlowFastR50
from vqathinker.policy.tiny import build_tokenizer

__all__ = ["SLOWFAST", "make_policies"]

SLOWFAST = "SLOWFAST_8x8_R50.pyth"
_LARGEST = "400KB"  # of a shard, so that there are several
_SHARDS = 4
_WIDTHS = {"1B": 64, "2B": 64, "8B": 96}


def make_policies(folder: Path) -> None:
    """Write InternVL3 of three sizes, the authors' released policy, and SlowFast below `folder`."""
    whole, recipe = folder / ".whole", _recipe()
    if whole.is_file() and whole.read_text(encoding="utf-8") == recipe:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer = build_tokenizer(PHRASES)
    with torch.random.fork_rng(devices=[]):
        for seed, (size, width) in enumerate(_WIDTHS.items()):
            torch.manual_seed(seed)
            _save_hub(folder / f"InternVL3-{size}-hf", tokenizer, width)
        _save_slowfast(folder / SLOWFAST)
    _save_released(folder)
    whole.write_text(recipe, encoding="utf-8")


def _recipe() -> str:
    """Tells one way of making them from another."""
    modules = (Path(__file__).with_name(f"{name}.py") for name in ("policies", "speech"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()


def _save_hub(folder: Path, tokenizer: PreTrainedTokenizerBase, width: int) -> None:
    """transformers' own layout, with the real ones' frames of 448 px and patches of 14."""
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            hidden_size=width, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=2 * width, image_size=[448, 448], patch_size=[14, 14],
            attention_bias=True,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer), hidden_size=width, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, intermediate_size=2 * width,
            max_position_embeddings=32768,
        ),
        image_token_id=image_token_id(tokenizer), image_seq_length=256, tie_word_embeddings=False,
    )  # fmt: skip
    stock = InternVLForConditionalGeneration(config)
    teach_format(stock, tokenizer, torch.Generator().manual_seed(width))
    stock.bfloat16().save_pretrained(folder, max_shard_size=_LARGEST)
    tokenizer.save_pretrained(folder)


def _save_slowfast(path: Path) -> None:
    """A pickle of `model_state` as pytorchvideo's hub has it, with the unused classifier."""
    state = SlowFastR50().state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.fill_(1)
    state["blocks.6.proj.weight"] = torch.zeros(400, 2304)
    state["blocks.6.proj.bias"] = torch.zeros(400)
    torch.save({"model_state": state}, path)


def _save_released(folder: Path) -> None:
    """The authors' own weights: the 8B policy with its motion branch, in the original layout."""
    motion = {"encoder": "slowfast_r50", "weights": str(folder / SLOWFAST), "sha256": None}
    params = HubBaseParams.model_validate({
        "name": "internvl3-8b", "kind": "hub", "seed": 9, "revision": "main", "motion": motion,
        "repo": str(folder / "InternVL3-8B-hf"),
    })  # fmt: skip
    with TemporaryDirectory(dir=folder) as own:
        prepare_hub_base(params, Path(own) / "policy")
        export_original(Path(own) / "policy", folder / "InternVL3-VQAThinker-8B")
    _split(folder / "InternVL3-VQAThinker-8B" / "model.safetensors")


def _split(whole: Path) -> None:
    """Four shards and their index, as the real checkpoint has."""
    tensors, names = load_file(whole), {}
    ordered = sorted(tensors)
    for number in range(_SHARDS):
        shard = f"model-{number + 1:05d}-of-{_SHARDS:05d}.safetensors"
        part = ordered[number::_SHARDS]
        save_file({name: tensors[name] for name in part}, whole.with_name(shard), {"format": "pt"})
        names |= dict.fromkeys(part, shard)
    index = {"metadata": {"total_size": whole.stat().st_size}, "weight_map": names}
    whole.with_name("model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    whole.unlink()
