"""Tiny random policies in the layouts of the real ones, and weights of SlowFast."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import load_file
from tests.rehearsal.answer_format import PHRASES, teach_format
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

SLOWFAST = "SLOWFAST_8x8_R50.pyth"
_MAX_SHARD_SIZE = "400KB"  # several shards, as in the real policies
_WIDTHS = {"1B": 64, "2B": 64, "8B": 96}


def make_policies(folder: Path) -> None:
    """Write InternVL3 of three sizes, the authors' released policy, and SlowFast to `folder`."""
    tokenizer = build_tokenizer(PHRASES)
    with torch.random.fork_rng(devices=[]):
        for seed, (size, width) in enumerate(_WIDTHS.items()):
            torch.manual_seed(seed)
            _save_hub(folder / f"InternVL3-{size}-hf", tokenizer, width)
        _save_slowfast(folder / SLOWFAST)
    _save_released(folder)


def _save_hub(folder: Path, tokenizer: PreTrainedTokenizerBase, width: int) -> None:
    """Save a policy in the layout of transformers, with frames of 448 px and patches of 14 px."""
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
    stock.bfloat16().save_pretrained(folder, max_shard_size=_MAX_SHARD_SIZE)
    tokenizer.save_pretrained(folder)


def _save_slowfast(path: Path) -> None:
    """Save `model_state` like pytorchvideo's hub, including the unused classifier."""
    state = SlowFastR50().state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.fill_(1)
    state["blocks.6.proj.weight"] = torch.zeros(400, 2304)
    state["blocks.6.proj.bias"] = torch.zeros(400)
    torch.save({"model_state": state}, path)


def _save_released(folder: Path) -> None:
    """Save the 8B policy with motion branch in the layout of the authors' released weights."""
    motion = {"encoder": "slowfast_r50", "weights": str(folder / SLOWFAST), "sha256": None}
    params = HubBaseParams.model_validate({
        "name": "internvl3-8b", "kind": "hub", "seed": 9, "revision": "main", "motion": motion,
        "repo": str(folder / "InternVL3-8B-hf"),
    })  # fmt: skip
    with TemporaryDirectory(dir=folder) as own:
        prepare_hub_base(params, Path(own) / "policy")
        export_original(Path(own) / "policy", folder / "InternVL3-VQAThinker-8B")
    released = folder / "InternVL3-VQAThinker-8B"
    tensors = load_file(released / "model.safetensors")
    save_torch_state_dict(tensors, released, max_shard_size=_MAX_SHARD_SIZE)
