"""A step of TRL's unchanged GRPOTrainer, on transformers' InternVL of the same sizes.

TRL cannot pass a motion feature to the computation of log-probabilities, so this is InternVL
without the motion token (one token less per prompt). Frames are images, processed by InternVL's
processor without its video part, which needs torchvision. TRL has no perturbed rollouts, and would
load the reference from the hub, so it is set afterwards.
"""

import re
import tempfile
from typing import Any

import torch
from datasets import Dataset
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    PreTrainedTokenizerFast,
    PrinterCallback,
    ProcessorMixin,
    TrainerCallback,
)
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from trl import GRPOConfig, GRPOTrainer
from trl.trainer.utils import add_fused_lm_head

from grpo.lengths import forced_lengths
from grpo.measure import PhaseClock, Step, TokenCounter
from grpo.shapes import WORDS, Shape, build
from grpo.step import BETA, CLIP, RATE
from vqathinker.video.store import ClipStore

_PAD, _START, _END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_IMAGES = {
    "start_image_token": "<img>", "end_image_token": "</img>", "video_token": "<video>",
    "context_image_token": "<IMG_CONTEXT>",
}  # fmt: skip
_CHAT = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}{{ '<IMG_CONTEXT>' }}"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class FramesProcessor(InternVLProcessor):
    """InternVL's processor for images only, one tile each."""

    images_kwargs = {"crop_to_patches": False}  # noqa: RUF012  as transformers declares it

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, image_seq_length: int = 256,
        chat_template: str | None = None,
    ) -> None:  # fmt: skip
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)
        self.image_seq_length = image_seq_length
        for name in ("start_image_token", "end_image_token"):
            setattr(self, name, getattr(tokenizer, name))
            setattr(self, f"{name}_id", getattr(tokenizer, f"{name}_id"))
        self.image_token, self.video_token = tokenizer.context_image_token, tokenizer.video_token
        self.image_token_id = tokenizer.context_image_token_id
        image, video = re.escape(self.image_token), re.escape(self.video_token)
        self.multimodal_pattern = re.compile(f"(?P<image>{image})|(?P<video>{video})")


def measure(
    shape: Shape, device: torch.device, clips: ClipStore, optimiser: str, repeat: int
) -> list[Step]:
    """Train `repeat` steps."""
    tokenizer = _tokenizer()
    config = _config(shape, tokenizer)
    policy = build(InternVLForConditionalGeneration, config, device)
    reference = build(InternVLForConditionalGeneration, config, device)
    reference.eval().requires_grad_(False)
    clock = PhaseClock(device)
    clock.watch_rollouts(policy.model, [(policy.model, "get_image_features")])
    length = shape.visual + WORDS
    steps = _Steps(clock, TokenCounter((policy, reference), clock, length, shape.visual))
    rows = _rows(shape, clips, tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model=policy, args=_arguments(shape, device, optimiser, repeat, folder),
            reward_funcs=[_reward], train_dataset=rows,
            processing_class=_processor(shape, tokenizer),
        )  # fmt: skip
        add_fused_lm_head(reference, temperature=trainer.temperature)
        trainer.ref_model = trainer.accelerator.prepare_model(reference, evaluation_mode=True)
        trainer.beta = BETA
        _watch(trainer, clock, policy.lm_head, shape, tokenizer.eos_token_id)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(steps)
        trainer.train()
    return steps.done


def _watch(
    trainer: GRPOTrainer, clock: PhaseClock, head: torch.nn.Module, shape: Shape, end: int
) -> None:
    """Measure TRL's methods as phases, and force the lengths of completions."""
    generate = trainer._generate_single_turn

    def forced(*args: Any, **kwargs: Any) -> Any:
        lengths = shape.drawn_lengths(shape.videos * shape.group, seed=0)
        with forced_lengths(head, lengths, end):
            return generate(*args, **kwargs)

    trainer._generate_single_turn = forced
    clock.watch(trainer, "_generate_and_score_completions", lambda *_: "inputs")
    clock.watch(trainer, "_generate_single_turn", lambda *_, **__: "decode")
    clock.watch(
        trainer, "_get_per_token_logps_and_entropies",
        lambda model, *_, **__: "reference" if model is trainer.ref_model else "forward",
    )  # fmt: skip
    clock.watch(trainer, "_compute_loss", lambda *_: "forward")
    clock.watch(trainer.accelerator, "backward", lambda *_, **__: "backward")


class _Steps(TrainerCallback):
    """Reports the beginning, the optimiser and the end of a step to the clock."""

    def __init__(self, clock: PhaseClock, counter: TokenCounter) -> None:
        self.clock, self.counter = clock, counter
        self.done: list[Step] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.counter.restart()
        self.clock.enter("other")

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        self.clock.enter("optimiser")

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        self.clock.leave()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.clock.leave()
        self.done.append(self.counter.step())


def _arguments(
    shape: Shape, device: torch.device, optimiser: str, repeat: int, folder: str
) -> GRPOConfig:
    return GRPOConfig(
        output_dir=folder, per_device_train_batch_size=shape.videos * shape.group,
        num_generations=shape.group, max_completion_length=shape.lengths[1],
        temperature=1.0, top_k=0, beta=0.0, epsilon=CLIP, loss_type="grpo", learning_rate=RATE,
        optim={"adamw": "adamw_torch", "sgd": "sgd"}[optimiser], weight_decay=0.01,
        max_steps=repeat, bf16=device.type == "cuda", activation_checkpointing=True,
        use_cpu=device.type == "cpu", save_strategy="no", report_to=[], disable_tqdm=True,
        logging_steps=10 * repeat, shuffle_dataset=False,
    )  # fmt: skip


def _reward(completions: list[Any], **_: Any) -> list[float]:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(len(completions), generator=generator).tolist()


def _rows(shape: Shape, clips: ClipStore, tokenizer: PreTrainedTokenizerFast) -> Dataset:
    """One row per video: its frames as images, and text that makes the prompt as long as ours."""
    turns = f"{_START}user\n{_END}\n{_START}assistant\n"
    frames = shape.clip.frames
    around = len(tokenizer(turns)["input_ids"]) + 2 * frames  # with <img> and </img>
    text = {"role": "user", "content": "x" * (WORDS - around)}
    images = [
        [Image.fromarray(frame.permute(1, 2, 0).numpy()) for frame in clips.frames(video)]
        for video in clips.ids
    ]
    return Dataset.from_dict({"prompt": [[text]] * len(images), "images": images})


def _config(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> InternVLConfig:
    ours = shape.config
    return InternVLConfig(
        vision_config=ours.vision_config, text_config=ours.text_config,
        image_token_id=tokenizer.context_image_token_id, downsample_ratio=ours.downsample_ratio,
        image_seq_length=ours.image_seq_length, tie_word_embeddings=False,
    )  # fmt: skip


def _processor(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> FramesProcessor:
    size = shape.clip.size
    images = GotOcr2ImageProcessorPil(size={"height": size, "width": size}, crop_to_patches=False)
    tokens = shape.config.tokens_per_frame(size)
    return FramesProcessor(images, tokenizer, image_seq_length=tokens, chat_template=_CHAT)


def _tokenizer() -> PreTrainedTokenizerFast:
    """Bytes without merges, and special tokens: fits into every vocabulary here."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = (_PAD, _START, _END, *_IMAGES.values())
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=_END, pad_token=_PAD, padding_side="left",
        model_input_names=["input_ids", "attention_mask"], extra_special_tokens=_IMAGES,
    )  # fmt: skip
    made.chat_template = _CHAT
    return made
