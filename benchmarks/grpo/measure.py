"""Measurement of seconds by phase, computed tokens, and peak memory."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

ROLLOUT = ("inputs", "prefill", "decode")


class PhaseClock:
    """Seconds by phase. Nested phases are subtracted, so the sum of all is the step."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @property
    def phase(self) -> str:
        """The innermost phase, "" outside a step."""
        return self._open[-1] if self._open else ""

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Count the time within this context as `phase`."""
        if phase == self.phase:  # nested in itself: do not synchronise the device
            yield
            return
        self.enter(phase)
        try:
            yield
        finally:
            self.leave()

    def enter(self, phase: str) -> None:
        """Begin a phase; `leave` ends it."""
        self._switch()
        self._open.append(phase)

    def leave(self) -> None:
        """End the innermost phase."""
        self._switch()
        self._open.pop()

    def watch(self, owner: Any, method: str, name: Callable[..., str | None]) -> None:
        """Count calls of a method as the phase that `name` gives for their arguments, if any."""
        inner = getattr(owner, method)

        @wraps(inner)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self(name(*args, **kwargs) or self.phase):
                return inner(*args, **kwargs)

        setattr(owner, method, timed)

    def watch_rollouts(self, body: nn.Module, encoders: list[tuple[Any, str]]) -> None:
        """Separate encoding and prefill from decoding during rollouts."""
        for owner, method in encoders:
            self.watch(owner, method, lambda *_, **__: "encode" if self.phase in ROLLOUT else None)

        def name(input_ids: Any = None, **given: Any) -> str | None:
            seen = input_ids if input_ids is not None else given["inputs_embeds"]
            return "prefill" if self.phase in ROLLOUT and seen.shape[1] > 1 else None

        self.watch(body, "forward", name)

    def _switch(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self._open:
            self.seconds[self.phase] += now - self._since
        self._since = now


class Step(NamedTuple):
    """Seconds and computed tokens of one step, by phase."""

    seconds: dict[str, float]
    tokens: dict[str, dict[str, int]]


class TokenCounter:
    """Counts the input of language model and image encoder by phase, with hooks.

    A row of the language model counts with its whole length, including padding. Each prompt in the
    embedding, recognised by its visual tokens, counts as `prompt` tokens; the rest are completions.
    Recomputation in gradient checkpointing does not count.

    Args:
        models: policy and reference.
        prompt: tokens of a prompt.
        visual: visual tokens of a prompt, without the motion token.
    """

    def __init__(self, models: Sequence[Any], clock: PhaseClock, prompt: int, visual: int) -> None:
        self._counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._clock, self._prompt, self._visual = clock, prompt, visual
        self._image = models[0].config.image_token_id
        for model in models:
            body = model.model
            body.language_model.register_forward_pre_hook(self._count_rows, with_kwargs=True)
            body.vision_tower.register_forward_pre_hook(self._count_frames, with_kwargs=True)
            model.get_input_embeddings().register_forward_pre_hook(self._count_prompts)

    def restart(self) -> None:
        """Reset counts and times at the beginning of a step."""
        self._counts.clear()
        self._clock.seconds.clear()

    def step(self) -> Step:
        """Counts and times since the beginning of the step."""
        tokens = {phase: dict(numbers) for phase, numbers in self._counts.items()}
        return Step(dict(self._clock.seconds), tokens)

    def _count_rows(self, _: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        seen = given.get("inputs_embeds")
        if seen is None:
            seen = given["input_ids"] if "input_ids" in given else args[0]
        tokens = seen.shape[0] * seen.shape[1]
        self._add("completion_tokens", tokens)
        if self._clock.phase == "decode":
            self._add("token_steps", 1)

    def _count_prompts(self, _: nn.Module, args: tuple[Any, ...]) -> None:
        if args[0].shape[-1] > 1:
            prompts = int((args[0] == self._image).sum()) // self._visual
            self._add("prompt_tokens", prompts * self._prompt)
            self._add("completion_tokens", -prompts * self._prompt)

    def _count_frames(self, _: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        pixels = given["pixel_values"] if "pixel_values" in given else args[0]
        self._add("frames", len(pixels))

    def _add(self, what: str, number: int) -> None:
        self._counts[self._clock.phase][what] += number


def peak_bytes(device: torch.device) -> int:
    """Peak memory of this process, on the GPU or else in RAM."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status").read_text(
        encoding="utf-8"
    )  # getrusage includes the parent's
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
