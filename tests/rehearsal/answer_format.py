"""Weights with which a random policy writes a thought and a random score in the expected format.

With untrained weights no answer could be parsed, and all rewards would be 0. Therefore embeddings
are random, and the output layer maps each token to the tokens that may follow it.
"""

import torch
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerBase

from vqathinker.policy.inputs import prompt_ids

_OPENING, _OPINIONS = "The video is", (" clear", " blurred", " dark")
PHRASES = (_OPENING, *_OPINIONS)
_LOGIT = 2.5  # of each token that may follow
_LAYER_SCALE = 0.3  # of what layers add to embeddings: the influence of the video

# Tokens that may follow each token. The digits at each place of a score are distinct.
_FOLLOWS: dict[str, tuple[str, ...]] = {
    "<think>": (_OPENING,),
    _OPENING: _OPINIONS,
    **dict.fromkeys(_OPINIONS, ("</think>",)),
    "</think>": ("<answer>",),
    "<answer>": ("2", "3", "4"),
    **dict.fromkeys(("2", "3", "4"), (".",)),
    ".": ("5", "6", "7", "8", "9"),
    **dict.fromkeys(("5", "6", "7", "8", "9"), ("0", "1")),
    **dict.fromkeys(("0", "1"), ("</answer>",)),
    "</answer>": ("<|im_end|>",),
}


@torch.no_grad()
def teach_format(
    stock: InternVLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    generator: torch.Generator,
) -> None:
    """Set embeddings and output layer of an untrained InternVL3."""
    text = stock.model.language_model
    for layer in text.layers:
        layer.self_attn.o_proj.weight.mul_(_LAYER_SCALE)
        layer.mlp.down_proj.weight.mul_(_LAYER_SCALE)
    table, head = stock.get_input_embeddings().weight, stock.lm_head.weight
    table.copy_(torch.nn.functional.normalize(torch.randn(table.shape, generator=generator)))
    head.zero_()
    for first, following in _FOLLOWS.items():
        for token in following:
            head[_id(tokenizer, token)] += _LOGIT * table[_id(tokenizer, first)]
    last = prompt_ids(tokenizer, "training", 6, 4)[-1]  # the same for all prompts
    head[_id(tokenizer, "<think>")] += _LOGIT * table[last]


def _id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    ids = tokenizer.encode(token, add_special_tokens=False)
    assert len(ids) == 1, f"{token!r} is {len(ids)} tokens"
    return int(ids[0])
