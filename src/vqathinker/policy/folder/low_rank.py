"""Low-rank changes of a policy's weights, kept apart from them in half precision.

Adapters move a weight by far less than one step of bf16, so the sum of both in bf16 is mostly the
base's weight. In half precision a policy is therefore run as it was trained: the base's weights in
half precision, and next to them the low-rank change. The base's weight is the exported float32 one
without that change; no other folder is needed. A run that starts from such a policy adds a second
change, and both stay apart.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from vqathinker.policy.folder.shards import Shards

ADAPTERS = "adapters"  # folder in a policy's folder
EARLIER = "earlier"  # in that folder: the adapters of the policy that these were trained on
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_PREFIX, _DOWN, _UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


class LowRankLinear(nn.Linear):
    """A linear layer and a change of its weight by `up` @ `down`, which are no parameters."""

    down: Tensor  # (rank, in)
    up: Tensor  # (out, rank)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name of nn.Linear
        """(…, in) → (…, out)."""
        low = functional.linear(functional.linear(input, self.down), self.up)
        return super().forward(input) + low


def low_rank_changes(adapters: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """`down` and `up` in float32 by the name of the weight that `up` @ `down` is added to.

    Ranks of earlier adapters for the same weight are appended, so that the product is the sum.
    """
    config = json.loads((adapters / ADAPTER_FILES[0]).read_text(encoding="utf-8"))
    scale = config["lora_alpha"] / config["r"]
    tensors = load_file(adapters / ADAPTER_FILES[1])
    changes = low_rank_changes(adapters / EARLIER) if (adapters / EARLIER).is_dir() else {}
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
def take_apart(model: nn.Module, shards: Shards, adapters: Path) -> None:
    """Give a model in half precision its base's weights back, with the adapters next to them.

    A policy without adapters, or one that was merged in half precision, stays as it is.

    Args:
        shards: the merged weights that the model was loaded from.
        adapters: the folder with the adapters that are merged in them, earlier ones included.
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
