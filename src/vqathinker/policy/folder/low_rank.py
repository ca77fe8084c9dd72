"""Low-rank adapters, kept separate from the weights in half precision.

Adapters change a weight by far less than one step of bf16, so a merged bf16 weight is mostly the
base's weight. In half precision, a policy is therefore used as it was trained: the base's weights
in bf16, plus the low-rank product. The base's weights are computed from the merged float32 ones, so
the base's folder is not needed. A run that starts from such a policy adds further adapters.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from vqathinker.policy.folder.shards import Shards

ADAPTERS = "adapters"  # folder within a policy folder
# Folder within that one: adapters of the policy that these were trained on.
PARENT_ADAPTERS = "earlier"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_PREFIX, _DOWN, _UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


class LowRankLinear(nn.Linear):
    """A linear layer whose weight is changed by `up` @ `down`, which are buffers."""

    down: Tensor  # (rank, in)
    up: Tensor  # (out, rank)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name of nn.Linear
        """(…, in) → (…, out)."""
        low = functional.linear(functional.linear(input, self.down), self.up)
        return super().forward(input) + low


def low_rank_changes(adapters: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """`down` and `up`, float32, by the name of the weight to which `up` @ `down` is added.

    Earlier adapters of the same weight are appended as further ranks, so the product is their sum.
    """
    config = json.loads((adapters / ADAPTER_FILES[0]).read_text(encoding="utf-8"))
    scale = config["lora_alpha"] / config["r"]
    tensors = load_file(adapters / ADAPTER_FILES[1])
    parent = adapters / PARENT_ADAPTERS
    changes = low_rank_changes(parent) if parent.is_dir() else {}
    for key in (key for key in tensors if key.endswith(_DOWN)):
        name = key.removeprefix(_PREFIX).removesuffix(_DOWN) + ".weight"
        down = tensors[key].float()  # (rank, in)
        up = scale * tensors[key.removesuffix(_DOWN) + _UP].float()  # (out, rank)
        if name in changes:
            earlier_down, earlier_up = changes[name]
            down, up = torch.cat([down, earlier_down]), torch.cat([up, earlier_up], dim=1)
        changes[name] = down, up
    return changes


@torch.no_grad()
def separate_adapters(model: nn.Module, shards: Shards, adapters: Path) -> None:
    """Replace merged weights of a model in half precision by the base's weights and adapters.

    Does nothing without adapters, or if they were merged in half precision.

    Args:
        shards: the merged weights that the model was loaded from.
        adapters: the folder with the merged adapters, earlier ones included.
    """
    if not (adapters / ADAPTER_FILES[0]).is_file():
        return
    for name, factors in low_rank_changes(adapters).items():
        if shards.dtypes[name] != "F32":
            continue
        layer = model.get_submodule(name.removesuffix(".weight"))
        assert isinstance(layer, nn.Linear)  # noqa: S101  peft adapts no other kind here
        down, up = (factor.to(layer.weight.device) for factor in factors)
        layer.weight.copy_(shards[name]().to(layer.weight.device) - up @ down)
        layer.register_buffer("down", down.to(layer.weight.dtype), persistent=False)
        layer.register_buffer("up", up.to(layer.weight.dtype), persistent=False)
        layer.__class__ = LowRankLinear
