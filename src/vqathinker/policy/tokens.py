"""What a policy's tokenizer has to know, and how its answers are drawn when nobody says otherwise.

Source: docs/method.md, section 2: InternVL2.5's conversation, whose turns `<|im_end|>` closes;
evaluation decodes greedily, at most 1024 tokens.
"""

from transformers import GenerationConfig, PreTrainedTokenizerBase

__all__ = ["TokenizerError", "end_answers_with_turns", "generation_defaults", "image_token"]

_IMAGE, _END = "<IMG_CONTEXT>", "<|im_end|>"


class TokenizerError(Exception):
    """A tokenizer is not one of InternVL's."""


def image_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of `<IMG_CONTEXT>`, in whose places visual tokens and the motion token stand.

    Raises:
        TokenizerError: there is none.
    """
    known = tokenizer.get_vocab()
    if _IMAGE not in known:
        raise TokenizerError(
            f"the tokenizer has no {_IMAGE} among its {len(known)} tokens; expected InternVL's"
        )
    return int(known[_IMAGE])


def end_answers_with_turns(tokenizer: PreTrainedTokenizerBase) -> None:
    """Let an answer end where its turn ends, whatever else the tokenizer ends texts with."""
    if _END in tokenizer.get_vocab():
        tokenizer.eos_token = _END


def generation_defaults(tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """As the authors evaluate."""
    pad = tokenizer.pad_token_id
    return GenerationConfig(
        do_sample=False, max_new_tokens=1024, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id if pad is None else pad,
        suppress_tokens=[image_token(tokenizer)],
    )  # fmt: skip
