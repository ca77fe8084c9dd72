"""The parts of a policy by the names of their tensors, and which of them training may change.

Source: docs/method.md, section 2: all but the motion encoder are trained.
"""

__all__ = ["FROZEN", "PARTS", "part_of"]

FROZEN = "motion_encoder"
PARTS = {
    "vision": ("model.vision_tower.",),
    "projector": ("model.multi_modal_projector.",),
    FROZEN: ("model.motion_encoder.",),
    "motion_projector": ("model.motion_projector.",),
    "language": ("model.language_model.", "lm_head."),
}


def part_of(name: str) -> str:
    """The part that a tensor belongs to.

    >>> part_of("model.motion_projector.1.bias")
    'motion_projector'

    Raises:
        KeyError: none of them.
    """
    for part, prefixes in PARTS.items():
        if name.startswith(prefixes):
            return part
    raise KeyError(name)
