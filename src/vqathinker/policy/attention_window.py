"""How far back the layers of a language model look, decided from its configuration."""

from transformers import PreTrainedConfig

from vqathinker.errors import InputError

__all__ = ["attention_window", "has_window"]

_FULL, _SLIDING = "full_attention", "sliding_attention"


def has_window(language: PreTrainedConfig) -> bool:
    """Whether any layer sees less than all tokens before its own.

    Args:
        language: the configuration of the language model, `config.text_config` of a policy.
    """
    if kinds := getattr(language, "layer_types", None):
        return set(kinds) != {_FULL}
    # Models without kinds of layers: Mistral's window has no switch, older Qwen2's has one.
    switched_on = getattr(language, "use_sliding_window", True)
    return bool(switched_on and getattr(language, "sliding_window", None))


def attention_window(language: PreTrainedConfig) -> int | None:
    """Tokens that a layer with a sliding window sees, its own included; None: none has a window.

    Raises:
        InputError: a window of another kind, for which no mask can be made here.
    """
    if not has_window(language):
        return None
    kinds = set(getattr(language, "layer_types", None) or [])
    window = getattr(language, "sliding_window", None)
    if not kinds or not kinds <= {_FULL, _SLIDING} or not window:
        raise InputError(
            f"text_config: layer_types {sorted(kinds)} with sliding_window {window}; expected "
            f"{_FULL}, or {_SLIDING} with a window: set evaluation.score to greedy or mean"
        )
    return int(window)
