"""Fixtures for all tests: parameters, a tiny policy, clips and a browser."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, settings
from tests.browsing import BROWSER_TIMEOUT_MS
from tests.programs import program_or_skip

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from vqathinker.params import DemoBaseParams

# Tests share two cores. Must be set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.origin_server"]

# On a busy machine any example may take long.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

ROOT = Path(__file__).parents[1]

# Programs that tests start use the code of this checkout (for tests, see pyproject.toml).
paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ["PYTHONPATH"] = os.pathsep.join(paths)

# Values computed with the authors' functions; another folder with the same files replaces them.
os.environ.setdefault("VQATHINKER_GOLDENS", str(ROOT / "tests" / "goldens"))


def pytest_configure() -> None:
    # A shell ignores SIGINT in background jobs, but some tests send it to their processes.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files that run Snakemake take minutes. They come first, to keep both cores busy until the end.
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)
    for item in items:
        if item.get_closest_marker("workflow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


TINY_BASE = {
    "name": "tiny",
    "kind": "demo",
    "seed": 1,
    "motion": {"encoder": "filter_bank"},
    "vision": {"hidden_size": 32, "layers": 1, "heads": 2, "patch_size": 14},
    "text": {"hidden_size": 32, "layers": 2, "heads": 2},
    "perception": {"steps": 3, "batch_size": 4, "learning_rate": 1.0e-3},
    "answer_format": {"steps": 3, "batch_size": 4, "learning_rate": 1.0e-3},
}
PHRASES = ("I see", ".", " clear", " blur", " noise")


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Headless Chromium. Playwright allows one per process."""
    program = program_or_skip("chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=program, args=flags, timeout=BROWSER_TIMEOUT_MS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def config() -> dict[str, Any]:
    """Content of params.yaml, which a test may change."""
    return yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tiny_params() -> "DemoBaseParams":
    """A policy of 50,000 weights, with 4 tokens per frame of 56 px."""
    from vqathinker.params import DemoBaseParams

    return DemoBaseParams.model_validate(TINY_BASE)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory, tiny_params: "DemoBaseParams") -> Path:
    """Folder of an untrained policy with `tiny_params`."""
    from vqathinker.policy.folder.checkpoint import save_policy
    from vqathinker.policy.tiny import build_policy, build_tokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = build_tokenizer(PHRASES)
    save_policy(build_policy(tiny_params, tokenizer, 56), tokenizer, folder, "tiny\n", {})
    return folder


@pytest.fixture(scope="session")
def tiny_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard of six 6x56 clips with random colours and contrasts, and of one damaged video."""
    import torch

    from vqathinker.video.damage import Failure
    from vqathinker.video.store import write_shard

    path = tmp_path_factory.mktemp("clips") / "0000.safetensors"
    generator = torch.Generator().manual_seed(0)
    colour = 255 * torch.rand((6, 1, 3, 1, 1), generator=generator)
    contrast = torch.tensor([5.0, 80.0, 20.0, 120.0, 40.0, 10.0]).view(6, 1, 1, 1, 1)
    texture = torch.randn((6, 6, 3, 56, 56), generator=generator)
    frames = (colour + contrast * texture).clamp(0, 255).to(torch.uint8)
    ids = [f"clip{number}.mp4" for number in range(6)]
    failures = {"broken.mp4": Failure("cut_short", "cut short")}
    write_shard(path, ids, frames, torch.arange(6).expand(6, 6), failures, "6x56", {"by": "hand"})
    return path
