"""A tiny policy that answers with digits, and small videos."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from vqathinker.scoring.loaded_policy import LoadedPolicy
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.workers import preload_modules

preload_modules("vqathinker.scoring.sample", "torch", "vqathinker.video.decode")

RECORD: dict[str, Any] = {
    "data": "data/mine/manifest.parquet",
    "settings": {
        "answer": {"parsing": "authors", "range": None}, "training": {"max_new_tokens": 8},
    },
    "trained_on": {
        "set": "mine", "videos": 50, "mos": [float(n) for n in range(101)],
        "labels": {"values": [0.0, 100.0], "below": [0, 50], "up_to": [0, 50]},
        "side": [48, 64], "fps": [8.0, 30.0], "duration_s": [1.0, 2.0],
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 0.mp4 to 3.mp4, each 64x64 pixels, 8 frames per second, one second long."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(4):
        make_video(folder / f"{number}.mp4", f"testsrc2=size=64x64:rate=8,hue=h={number * 80}", 1)
    return folder


def make_video(path: Path, picture: str, seconds: float, *options: str) -> Path:
    """Encode a picture of ffmpeg's lavfi; `options` may begin with further inputs."""
    command = [ffmpeg_binary(), "-loglevel", "error", "-f", "lavfi", "-i", picture, *options]
    subprocess.run([*command, "-t", str(seconds), "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


@pytest.fixture(scope="session")
def digit_policy(
    tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, tiny_clips: Path
) -> Path:
    """A policy folder whose answers are digits, which depend on the clip."""
    import torch

    from vqathinker.policy.folder.checkpoint import load_policy, save_policy
    from vqathinker.policy.generation import prefill
    from vqathinker.policy.inputs import encode_prompts, prompt_ids
    from vqathinker.video.store import ClipStore

    policy, tokenizer, _ = load_policy(tiny_base)
    store = ClipStore([tiny_clips])
    ids = prompt_ids(tokenizer, "evaluation", 6, 4)
    with torch.no_grad():
        prompts = encode_prompts(policy, ids, store.batch(store.ids))
        _, hidden = prefill(policy, prompts)
        for digit, states in zip("12345", hidden, strict=False):  # one digit for each clip
            policy.lm_head.weight[tokenizer.convert_tokens_to_ids(digit)] = 0.4 * states.mean(0)
        policy.lm_head.weight[tokenizer.eos_token_id] = 0.3 * hidden.mean((0, 1))
    folder = tmp_path_factory.mktemp("digits") / "policy"
    policy.config.setting = "6x56"
    save_policy(policy, tokenizer, folder, "", RECORD)
    return folder


@pytest.fixture(scope="session")
def policy(digit_policy: Path) -> LoadedPolicy:
    return LoadedPolicy(digit_policy, "cpu")
