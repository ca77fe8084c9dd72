"""The parts of a policy by the names of their tensors; training may change all but one.

Source: docs/method.md, section 2: all but the motion encoder are trained.
"""

from collections.abc import Mapping, Sequence

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


def shape_mismatches(
    expected: Mapping[str, Sequence[int]], given: Mapping[str, Sequence[int]]
) -> list[str]:
    """One line for each name that is missing, not expected, or of another shape; sorted.

    >>> shape_mismatches({"a": [2], "b": [3]}, {"b": [4], "c": [5]})
    ['a: missing', 'b: shape [4], expected [3]', 'c: not expected']
    """
    lines = [f"{name}: missing" for name in expected.keys() - given.keys()]
    lines += [f"{name}: not expected" for name in given.keys() - expected.keys()]
    lines += [
        f"{name}: shape {list(given[name])}, expected {list(expected[name])}"
        for name in expected.keys() & given.keys()
        if tuple(expected[name]) != tuple(given[name])
    ]
    return sorted(lines)
