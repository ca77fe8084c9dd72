"""Seconds by phase, tokens that were computed, and the most memory that was held."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

ROLLOUT = ("prefill", "decode")


class PhaseClock:
    """Seconds by phase. A phase within another is taken out of it, so that all add up to a step."""

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
        """What happens within counts as `phase`."""
        if phase == self.phase:  # a token step among many: not worth waiting for the device
            yield
            return
        self.enter(phase)
        try:
            yield
        finally:
            self.leave()

    def enter(self, phase: str) -> None:
        """Begin a phase whose end is told elsewhere."""
        self._turn()
        self._open.append(phase)

    def leave(self) -> None:
        """End the innermost phase."""
        self._turn()
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
        """Tell encoding and prefill from token steps while rollouts are made."""
        for owner, method in encoders:
            self.watch(owner, method, lambda *_, **__: "encode" if self.phase in ROLLOUT else None)

        def name(input_ids: Any = None, **given: Any) -> str | None:
            seen = input_ids if input_ids is not None else given["inputs_embeds"]
            return "prefill" if self.phase in ROLLOUT and seen.shape[1] > 1 else None

        self.watch(body, "forward", name)

    def _turn(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        if self._open:
            self.seconds[self.phase] += now - self._since
        self._since = now


class Step(NamedTuple):
    """Seconds by phase, and what the models were given by phase, of one step."""

    seconds: dict[str, float]
    tokens: dict[str, dict[str, int]]


class TokenCounter:
    """Counts by hooks, phase by phase, what language model and image encoder are given.

    A row of the language model counts with its whole length, padding too. Of that, each prompt
    that the embedding has seen is `prompt` tokens, known by its visual tokens; the rest are
    completions. Recomputation under gradient checkpointing is not counted.

    Args:
        models: policy and reference.
        prompt: tokens of a prompt.
        visual: those of them that are visual, the motion token left out.
    """

    def __init__(self, models: Sequence[Any], clock: PhaseClock, prompt: int, visual: int) -> None:
        self._counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._clock, self._prompt, self._visual = clock, prompt, visual
        self._image = models[0].config.image_token_id
        for model in models:
            body = model.model
            body.language_model.register_forward_pre_hook(self._see_rows, with_kwargs=True)
            body.vision_tower.register_forward_pre_hook(self._see_frames, with_kwargs=True)
            model.get_input_embeddings().register_forward_pre_hook(self._see_prompts)

    def restart(self) -> None:
        """Begin a step: forget what was counted and timed."""
        self._counts.clear()
        self._clock.seconds.clear()

    def step(self) -> Step:
        """What was counted and timed since the step began."""
        tokens = {phase: dict(numbers) for phase, numbers in self._counts.items()}
        return Step(dict(self._clock.seconds), tokens)

    def _see_rows(self, _: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        seen = given.get("inputs_embeds")
        if seen is None:
            seen = given["input_ids"] if "input_ids" in given else args[0]
        tokens = seen.shape[0] * seen.shape[1]
        self._add("completion_tokens", tokens)
        if self._clock.phase == "decode":
            self._add("token_steps", 1)

    def _see_prompts(self, _: nn.Module, args: tuple[Any, ...]) -> None:
        if args[0].shape[-1] > 1:
            prompts = int((args[0] == self._image).sum()) // self._visual
            self._add("prompt_tokens", prompts * self._prompt)
            self._add("completion_tokens", -prompts * self._prompt)

    def _see_frames(self, _: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        pixels = given["pixel_values"] if "pixel_values" in given else args[0]
        self._add("frames", len(pixels))

    def _add(self, what: str, number: int) -> None:
        self._counts[self._clock.phase][what] += number


def peak_bytes(device: torch.device) -> int:
    """The most that this process has held: of the GPU, else of the machine's memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # getrusage keeps the parent's
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
