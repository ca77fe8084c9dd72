"""Names that come from elsewhere: paths below a folder of ours, or refused."""

import pytest

from vqathinker.acquisition.errors import UnsafeError
from vqathinker.acquisition.safe_path import safe_path


@pytest.mark.parametrize(
    "name",
    ["videos/a.mp4", "./videos/a.mp4", "videos//a.mp4", "videos/./a.mp4", "videos/a.mp4/"],
)
def test_a_plain_name_is_a_path_below_the_target(name: str) -> None:
    assert str(safe_path(name)) == "videos/a.mp4"


@pytest.mark.parametrize("name", ["..a/b..mp4", "...", "a b.mp4", "Ünïcode/视频.mp4", "ab:c.mp4"])
def test_names_that_only_look_odd_are_kept(name: str) -> None:
    assert str(safe_path(name)) == name


@pytest.mark.parametrize(
    "name",
    ["", "/", ".", "./", "a/../b", "..", "/a", "C:", "c:a", "a\\b", "a\0", "\x1b[2J"],
)
def test_names_that_mean_another_place_are_refused(name: str) -> None:
    with pytest.raises(UnsafeError) as caught:
        safe_path(name)
    assert str(caught.value).isprintable()
