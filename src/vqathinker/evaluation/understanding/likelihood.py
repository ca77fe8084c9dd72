"""Which option a policy holds for the likeliest, without generating anything.

For policies too small, or too little used to it, to answer in the right form. No thought comes
before the answer: the options' tokens are scored right behind `<answer>`.
"""

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerBase

from vqathinker.evaluation.understanding.question import LETTERS
from vqathinker.policy.generation import EncodedPrompts
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

__all__ = ["option_chances"]

_OPEN, _CLOSE = "<answer>", "</answer>"


@torch.no_grad()
def option_chances(
    policy: VQAThinkerForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    prompts: EncodedPrompts,
    shown: Sequence[Sequence[str]],
    *,
    letters: bool,
) -> list[list[float]]:
    """Mean log probability of the tokens of each option of each prompt, the closing tag with them.

    Args:
        policy: in evaluation mode, as it is loaded.
        tokenizer: the policy's.
        prompts: one a question.
        shown: options of each in the order in which they stand in the prompt.
        letters: the option is its letter; else its text.
    """
    opened = tokenizer(_OPEN, add_special_tokens=False)["input_ids"]
    texts = [
        (LETTERS[place] if letters else option) + _CLOSE
        for options in shown
        for place, option in enumerate(options)
    ]
    said = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    rows = [row for row, options in enumerate(shown) for _ in options]
    lengths = torch.tensor([len(opened) + len(ids) for ids in said])
    padded = torch.zeros((len(said), int(lengths.max())), dtype=torch.long)
    for number, ids in enumerate(said):
        padded[number, : len(opened) + len(ids)] = torch.tensor([*opened, *ids])
    device = policy.device
    scored = policy(
        input_ids=prompts.input_ids, frame_features=prompts.frame_features,
        motion_features=prompts.motion_features, completion_ids=padded.to(device),
        lengths=lengths.to(device), rows=torch.tensor(rows, device=device),
    ).log_probs[:, len(opened) :]  # fmt: skip
    means = iter((scored.sum(1).cpu() / (lengths - len(opened))).tolist())
    return [[next(means) for _ in options] for options in shown]
