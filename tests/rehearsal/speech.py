"""What a stand-in policy says: a thought and a score, drawn by chance and hardly by the video.

Untaught weights say nothing that could be read, and all rewards would be 0. So each token leads to
those that may follow it: embeddings are drawn, and the output layer answers to them.
"""

import torch
from transformers import InternVLForConditionalGeneration, PreTrainedTokenizerBase

from vqathinker.policy.inputs import prompt_ids

__all__ = ["PHRASES", "teach_format"]

_OPENING, _OPINIONS = "The video is", (" clear", " blurred", " dark")
PHRASES = (_OPENING, *_OPINIONS)
_SURE = 2.5  # of what follows; chance decides among several
_LAYERS = 0.3  # how much they add to the embedding of the last token, and so how much a video tells

# What may follow each token; first digit, first and second decimal are of other digits each.
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
    """Set the embeddings and the output layer of an untrained InternVL3."""
    text = stock.model.language_model
    for layer in text.layers:
        layer.self_attn.o_proj.weight.mul_(_LAYERS)
        layer.mlp.down_proj.weight.mul_(_LAYERS)
    table, head = stock.get_input_embeddings().weight, stock.lm_head.weight
    table.copy_(torch.nn.functional.normalize(torch.randn(table.shape, generator=generator)))
    head.zero_()
    for first, following in _FOLLOWS.items():
        for token in following:
            head[_id(tokenizer, token)] += _SURE * table[_id(tokenizer, first)]
    last = prompt_ids(tokenizer, "training", 6, 4)[-1]  # that of any prompt
    head[_id(tokenizer, "<think>")] += _SURE * table[last]


def _id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    ids = tokenizer.encode(token, add_special_tokens=False)
    assert len(ids) == 1, f"{token!r} is {len(ids)} tokens"
    return int(ids[0])
