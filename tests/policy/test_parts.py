"""Tensors of a policy by name: every one that does not fit is listed, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from vqathinker.policy.parts import shape_mismatches

SHAPES = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(1, 3)))


@given(expected=SHAPES, given_=SHAPES)
def test_every_misfit_and_nothing_else_is_listed(
    expected: dict[str, tuple[int]], given_: dict[str, tuple[int]]
) -> None:
    named = [line.partition(":")[0] for line in shape_mismatches(expected, given_)]
    assert named == sorted(
        name for name in expected.keys() | given_.keys() if expected.get(name) != given_.get(name)
    )
