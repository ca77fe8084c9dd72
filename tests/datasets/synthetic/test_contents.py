"""Source contents: determined by seeds, with disjoint seen and unseen sources."""

from pathlib import Path

import ffmpeg
import pytest
import skimage.data

from vqathinker.datasets.synthetic.contents import (
    GENERATORS,
    PHOTOGRAPHS,
    Content,
    make_contents,
    reference_stream,
)
from vqathinker.video.ffmpeg import ffmpeg_binary


def contents_of(name: str, folder: Path, unseen: bool = False, seed: int = 7) -> list[Content]:
    """Twelve contents; drawn images are written to `folder`."""
    folder.mkdir(exist_ok=True)
    return list(make_contents(name, 12, unseen, seed, folder))


def sources(contents: list[Content]) -> set[str]:
    """Names of photographs and generators."""
    return {content.source for content in contents if "/" not in content.source}


def drawn(contents: list[Content]) -> list[bytes]:
    return [Path(c.source).read_bytes() for c in contents if "/" in c.source]


def test_seen_and_unseen_sources_are_disjoint(tmp_path: Path) -> None:
    seen = sources(contents_of("demo_train", tmp_path / "a"))
    unseen = sources(contents_of("demo_content", tmp_path / "b", unseen=True))
    assert seen & set(PHOTOGRAPHS[0])
    assert seen & set(GENERATORS[0])
    assert unseen & set(PHOTOGRAPHS[1])
    assert unseen & set(GENERATORS[1])
    assert not seen & unseen
    assert not set(PHOTOGRAPHS[0]) & set(PHOTOGRAPHS[1])
    assert not set(GENERATORS[0]) & set(GENERATORS[1])


@pytest.mark.parametrize("name", [name for half in PHOTOGRAPHS for name in half])
def test_photographs_exist_in_scikit_image(name: str) -> None:
    assert (Path(skimage.data.__file__).parent / name).is_file()


def test_name_and_seed_determine_contents(tmp_path: Path) -> None:
    one = contents_of("demo_train", tmp_path / "a")
    pictures = drawn(one)
    assert len(set(pictures)) == len(pictures) > 5
    assert list(make_contents("demo_train", 5, False, 7, tmp_path / "a")) == one[:5]
    for other in (
        contents_of("demo_indomain", tmp_path / "b"),
        contents_of("demo_train", tmp_path / "c", seed=8),
    ):
        assert not {content.seed for content in other} & {content.seed for content in one}
        assert not set(drawn(other)) & set(pictures)


@pytest.mark.parametrize("source", [*(name for half in GENERATORS for name in half), "coffee.png"])
def test_source_is_deterministic_and_moves(source: str) -> None:
    content = Content("c000", source, width=64, height=48, fps=12, seconds=2.0, seed=5)
    out = ffmpeg.output(reference_stream(content), "-", format="framemd5", t=content.seconds)
    once, again = (out.run(cmd=ffmpeg_binary(), capture_stdout=True, quiet=True)[0] for _ in "ab")
    assert once == again
    frames = [line for line in once.decode().splitlines() if not line.startswith("#")]
    assert len(frames) == 24
    assert len({line.split(",")[-1] for line in frames}) > 12  # it moves
