"""Model cards: results, and the example of use."""

import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vqathinker.phases.parameters import resolve
from vqathinker.policy.folder.card import NO_RESULTS, model_card, with_results
from vqathinker.policy.folder.checkpoint import Policy, save_policy
from vqathinker.policy.inputs import default_generation_config
from vqathinker.policy.sizes import config_of

RUN = {"run": "grpo", "steps": 240, "data": "data/demo_train/manifest.parquet", "setting": "6x112"}


@pytest.fixture
def card(config: dict[str, Any]) -> str:
    """The card of a run without temporal reward."""
    settings = resolve(config)["runs"]["grpo-no-temporal"]
    return model_card("grpo/policy", "A policy.\n", config_of("8B"), RUN | {"settings": settings})


def test_results_are_inserted_and_replaced(card: str) -> None:
    once = with_results(card, ["| SRCC |\n|--|\n| 0.8 |\n", "| PLCC |\n|--|\n| 0.7 |"])
    assert NO_RESULTS not in once
    assert once.index("## Results") < once.index("| 0.8 |") < once.index("| 0.7 |")
    assert once.index("| 0.7 |") < once.index("## Limits")
    again = with_results(once, ["| 0.9 |"])
    assert "0.8" not in again.partition("## Results")[2].partition("## Limits")[0]
    assert with_results(again, [NO_RESULTS]) == card


def write_video(path: Path) -> None:
    rng = np.random.default_rng(0)
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(12):
            pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def test_example_of_the_card_runs(
    tmp_path: Path, loaded: Policy, policy: Any, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    policy.config.setting = "6x56"
    policy.generation_config = default_generation_config(loaded.tokenizer)
    policy.generation_config.max_new_tokens = 5
    save_policy(policy, loaded.tokenizer, tmp_path / "mine", "Mine.\n", {})
    write_video(tmp_path / "clip.mp4")
    card = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    exec(snippet.replace('"DIR"', '"mine"'), {})  # noqa: S102
    score, method, _ = capsys.readouterr().out.split(" ", 2)
    assert score == "None" or float(score) is not None
    assert method == "greedy"
