"""A server as users start it, with a tiny policy that writes hostile text."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
import torch
from tests.serving.hostile import SCRIPT

from vqathinker.video.ffmpeg import ffmpeg_binary

SECONDS, MEGABYTES = 4, 1
PASSWORD = "open, sesame"  # noqa: S105
QUIET = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")


@dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
        address: address of its page.
        process: its process.
        folder: parent folder of its temporary files.
        client: an HTTP client, which is logged in if there is a password.
    """

    address: str
    process: subprocess.Popen[str]
    folder: Path
    client: httpx.Client

    def uploads(self) -> list[Path]:
        """Files on the server's disk."""
        return [path for path in self.folder.glob("vqathinker-*/**/*") if path.is_file()]

    def send(self, path: Path, name: str | None = None) -> httpx.Response:
        """Upload a file, optionally under another name."""
        files = {"files": (name or path.name, path.read_bytes())}
        return self.client.post("/gradio_api/upload", files=files)

    def score(self, upload: str, side: str = "a") -> str:
        """The panel that the page shows for an upload."""
        call = f"/gradio_api/call/score_{side}"
        clip = {"path": upload, "meta": {"_type": "gradio.FileData"}}
        posted = self.client.post(call, json={"data": [clip]})
        answer = self.client.get(f"{call}/{posted.json()['event_id']}").text
        event, data = re.findall(r"event: (\w+)\ndata: (.*)", answer)[-1]
        return json.loads(data)[1] if event == "complete" else f"{event}: {data}"


@pytest.fixture(scope="session")
def make_mp4(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """make_mp4(name, seconds) encodes a moving test picture."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str, seconds: int) -> Path:
        picture = ("-f", "lavfi", "-i", f"testsrc2=size=96x64:rate=10:duration={seconds}")
        path = folder / name
        command = [ffmpeg_binary(), *QUIET, *picture, "-pix_fmt", "yuv420p", str(path)]
        subprocess.run(command, check=True)
        return path

    return make


@pytest.fixture(scope="session")
def clip(make_mp4: Callable[[str, int], Path]) -> Path:
    return make_mp4("clip.mp4", 2)


@pytest.fixture(scope="session")
@torch.no_grad()
def hostile_policy(
    tmp_path_factory: pytest.TempPathFactory, tiny_params: object, tiny_clips: Path
) -> Path:
    """A tiny policy that answers with digits, and with markup that contains a script."""
    from vqathinker.policy.folder.checkpoint import save_policy
    from vqathinker.policy.generation import prefill
    from vqathinker.policy.inputs import encode_prompts, prompt_ids
    from vqathinker.policy.tiny import build_policy, build_tokenizer
    from vqathinker.video.store import ClipStore

    tokenizer = build_tokenizer([SCRIPT])
    policy = build_policy(tiny_params, tokenizer, 56)
    store = ClipStore([tiny_clips])
    prompts = encode_prompts(
        policy, prompt_ids(tokenizer, "training", 6, 4), store.batch(store.ids)
    )
    _, hidden = prefill(policy, prompts)
    for word, share in [(SCRIPT, 0.5), *((digit, 0.4) for digit in "12345")]:
        [row] = tokenizer.encode(word)
        policy.lm_head.weight[row] = share * hidden.mean((0, 1))
    folder = tmp_path_factory.mktemp("hostile") / "policy"
    policy.config.setting = "6x56"
    answer = {"parsing": "authors", "range": None}
    settings = {"training": {"max_new_tokens": 2}, "answer": answer}
    save_policy(policy, tokenizer, folder, "", {"settings": settings})
    return folder


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, hostile_policy: Path) -> Iterator[Served]:
    """`vqathinker serve` on a free port; SIGTERM must end it without leaving files behind."""
    pytest.importorskip("gradio", reason="pip install 'vqathinker[serve]'")
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, hostile_policy, VQATHINKER_PASSWORD=PASSWORD) as server:
        server.client.post("/login", data={"username": "anybody", "password": PASSWORD})
        yield server
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 128 + signal.SIGTERM
        assert not list(server.folder.glob("vqathinker-*"))


class serving:  # noqa: N801  a context manager
    """A server in a separate process, which is killed at the end if it still runs."""

    def __init__(self, folder: Path, policy: Path, *options: str, **environment: str) -> None:
        limits = ("--max-seconds", str(SECONDS), "--max-megabytes", str(MEGABYTES))
        command = [sys.executable, "-m", "vqathinker", "serve", "--policy", str(policy)]
        command += ["--port", "0", "--score", "mean", *limits, *options]
        self._folder = folder
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "TMPDIR": str(folder), "HF_HUB_OFFLINE": "1", **environment},
            )  # fmt: skip

    def __enter__(self) -> Served:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, f"{line}\n{self._log.read_text()}"
        self._client = httpx.Client(base_url=found[0], timeout=3600)
        return Served(found[0], self._process, self._folder, self._client)

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)
