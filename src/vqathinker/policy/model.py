"""The policy: transformers' InternVL with one motion token after the visual tokens.

Visual tokens of all frames and then the projected motion feature replace the `<IMG_CONTEXT>` tokens
of a prompt, in order: the motion token is the last of them. `forward(completion_ids=…, …)` returns
log-probabilities of completions instead of logits.

Source: docs/method.md, section 2.
"""

import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    DynamicCache,
    InternVLForConditionalGeneration,
    InternVLModel,
)
from transformers.models.internvl.modeling_internvl import (
    InternVLCausalLMOutputWithPast,
    InternVLModelOutputWithPast,
)

from vqathinker.policy.config import VQAThinkerConfig, attention_window
from vqathinker.policy.head import CompletionScores, score_tokens
from vqathinker.policy.motion.filter_bank import FilterBank
from vqathinker.policy.motion.slowfast import SlowFastR50
from vqathinker.policy.packing import pack

# Passes without gradient are chunked, which bounds peak memory to one chunk: a single-GPU step has
# 160 prompts of 1,700 tokens and 192 frames of 1,025 patches. A chunk of this size saturates a GPU.
POSITIONS_PER_CHUNK: Final = 32_768


def rows_per_chunk(positions: int) -> int:
    """Rows of `positions` tokens or patches that are computed at once, at least one."""
    return max(1, POSITIONS_PER_CHUNK // positions)


MOTION_ENCODERS: dict[str, type[FilterBank] | type[SlowFastR50]] = {
    "filter_bank": FilterBank,
    "slowfast_r50": SlowFastR50,
}


class VQAThinkerModel(InternVLModel):
    """InternVL's body with a frozen motion encoder and its projector."""

    config_class = VQAThinkerConfig
    # In any precision of the policy, a clip has the same motion feature.
    _keep_in_fp32_modules_strict = ("motion_encoder",)

    def __init__(self, config: VQAThinkerConfig) -> None:
        super().__init__(config)
        self.motion_encoder = MOTION_ENCODERS[config.motion["encoder"]]().float()
        width, hidden = self.motion_encoder.dim, config.text_config.hidden_size
        self.motion_projector = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden)
        )
        self.post_init()

    def train(self, mode: bool = True) -> "VQAThinkerModel":
        """Set the mode; the motion encoder stays in eval mode (docs/departures.md, 12)."""
        super().train(mode)
        self.motion_encoder.eval()
        return self

    def encode_frames(self, pixel_values: Tensor) -> Tensor:
        """Normalised frames (clips, frames, 3, size, width) → (clips, frames, K, 4 x vision width).

        These are the K visual tokens of each frame before the projector. A frame whose width is a
        multiple of its size is a strip of tiles, which are encoded as one image each. With a frozen
        image encoder the tokens stay the same during training.
        """
        clips, frames, channels, size = pixel_values.shape[:4]
        tiles = pixel_values.unflatten(4, (-1, size)).permute(0, 1, 4, 2, 3, 5)
        pixels = tiles.reshape(-1, channels, size, size).to(self.vision_tower.dtype)
        positions = 1 + (pixels.shape[-1] // self.config.vision_config.patch_size[0]) ** 2
        chunks = pixels.split(rows_per_chunk(positions))
        states = torch.cat([self.vision_tower(chunk).last_hidden_state for chunk in chunks])
        patches = states[:, 1:]  # without the class token
        side = math.isqrt(patches.shape[1])
        grid = patches.view(len(patches), side, side, -1)
        tokens = self.pixel_shuffle(grid, scale_factor=self.config.downsample_ratio)
        return tokens.reshape(clips, frames, -1, tokens.shape[-1])

    def encode_motion_frames(
        self, pixel_values: Tensor, statistics: Tensor | None = None
    ) -> Tensor:
        """Features of single frames (clips, frames, …).

        Args:
            pixel_values: normalised frames (clips, frames, 3, size, width).
            statistics: those of the native frames (clips, frames, 66), if known.

        Without a motion token the result is empty, (clips, frames, 0).
        """
        if not self.config.motion_token:
            return pixel_values.new_zeros(*pixel_values.shape[:2], 0)
        return self.motion_encoder.encode_frames(pixel_values, statistics)

    def pool_motion(self, frame_features: Tensor) -> Tensor:
        """Motion features, float32 (clips, dim), of frames in any order; else (clips, 0)."""
        if not self.config.motion_token:
            return frame_features[:, 0]
        return self.motion_encoder.pool_frames(frame_features)

    def embed(self, input_ids: Tensor, frame_features: Tensor, motion_features: Tensor) -> Tensor:
        """Prompt embeddings (clips, length, hidden) that include visual and motion tokens.

        Raises:
            ValueError: a prompt has more or fewer `<IMG_CONTEXT>` than the clip has tokens.
        """
        text = self.get_input_embeddings()(input_ids)
        visual = self.multi_modal_projector(frame_features.flatten(1, 2).to(text.dtype))
        if self.config.motion_token:
            motion = self.motion_projector(motion_features.to(text.dtype))[:, None]
            visual = torch.cat([visual, motion], dim=1)  # (clips, frames · K + 1, hidden)
        places = input_ids == self.config.image_token_id
        if not bool((places.sum(1) == visual.shape[1]).all()):
            raise ValueError(
                f"prompts have {places.sum(1).tolist()} <IMG_CONTEXT> tokens, the clips "
                f"{visual.shape[1]}; expected frames x tokens per frame, + 1 for the motion token"
            )
        return text.masked_scatter(places[..., None], visual.to(text.dtype))

    def encode(
        self, pixel_values: Any, frame_features: Tensor | None, motion_features: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Frame and motion features; those that are None are computed from the pixels."""
        if frame_features is None:
            frame_features = self.encode_frames(pixel_values)
        if motion_features is None:
            motion_features = self.pool_motion(self.encode_motion_frames(pixel_values))
        return frame_features, motion_features

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        frame_features: Tensor | None = None,
        motion_features: Tensor | None = None,
        **kwargs: Any,
    ) -> InternVLModelOutputWithPast:
        """InternVL's forward, with clips instead of images, or with their features."""
        if inputs_embeds is None and input_ids is not None:
            if pixel_values is None and frame_features is None:
                inputs_embeds = self.get_input_embeddings()(input_ids)
            else:
                frame_features, motion_features = self.encode(
                    pixel_values, frame_features, motion_features
                )
                inputs_embeds = self.embed(input_ids, frame_features, motion_features)
        out = self.language_model(inputs_embeds=inputs_embeds, **kwargs)
        return InternVLModelOutputWithPast(
            last_hidden_state=out.last_hidden_state, past_key_values=out.past_key_values,
            hidden_states=out.hidden_states, attentions=out.attentions,
            image_hidden_states=frame_features,
        )  # fmt: skip


class VQAThinkerForConditionalGeneration(InternVLForConditionalGeneration):
    """The policy: answers `<think>…</think><answer>3.42</answer>` to a clip and a prompt."""

    config_class = VQAThinkerConfig

    def __init__(self, config: VQAThinkerConfig) -> None:
        super().__init__(config)
        self.model = VQAThinkerModel(config)
        self.post_init()

    def forward(  # noqa: PLR0913, PLR0917  transformers calls it with these
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: DynamicCache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        frame_features: Tensor | None = None,
        motion_features: Tensor | None = None,
        completion_ids: Tensor | None = None,
        lengths: Tensor | None = None,
        rows: Tensor | None = None,
        temperature: float = 1.0,
        packed: bool = True,
        **kwargs: Any,
    ) -> InternVLCausalLMOutputWithPast | CompletionScores:
        """Logits, or, with `completion_ids`, log-probabilities of the completions' tokens.

        Args:
            input_ids: prompts of equal length (prompts, length).
            pixel_values: normalised frames (prompts, frames, 3, size, size).
            completion_ids: completions padded on the right (completions, tokens).
            lengths: tokens of each completion (completions,).
            rows: the prompt of each completion (completions,).
            temperature: divides the logits, as in sampling.
            packed: compute one row per prompt (`policy.packing`). Otherwise, and always with a
                sliding window, one row per completion, each with the whole prompt.
        """
        if completion_ids is None or lengths is None or rows is None or input_ids is None:
            return super().forward(
                input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask,
                position_ids=position_ids, past_key_values=past_key_values,
                inputs_embeds=inputs_embeds, labels=labels, logits_to_keep=logits_to_keep,
                frame_features=frame_features, motion_features=motion_features, **kwargs,
            )  # fmt: skip
        frames, motion = self.model.encode(pixel_values, frame_features, motion_features)
        # In a packed row, tokens that follow each other can lie far apart: a window misses them.
        if packed and attention_window(self.config.text_config) is None:
            layout = pack(completion_ids, lengths, rows, *input_ids.shape)
            prompts = self.model.embed(input_ids, frames, motion)
            answers = self.get_input_embeddings()(layout.tokens)
            hidden = self.model(
                inputs_embeds=torch.cat([prompts, answers.to(prompts.dtype)], dim=1),
                attention_mask=layout.mask, position_ids=layout.positions, use_cache=False,
            ).last_hidden_state  # fmt: skip
            is_token, predictors = layout.is_token, hidden.flatten(0, 1)[layout.predicted_by]
        else:
            hidden = self.model(
                input_ids=torch.cat([input_ids[rows], completion_ids[:, :-1]], dim=1),
                frame_features=frames[rows], motion_features=motion[rows], use_cache=False,
            ).last_hidden_state  # fmt: skip
            place = torch.arange(completion_ids.shape[1], device=lengths.device)
            is_token = place < lengths[:, None]
            predictors = hidden[:, input_ids.shape[1] - 1 :][is_token]
        scores = score_tokens(self.next_logits, predictors, completion_ids[is_token], temperature)
        blank = torch.zeros(is_token.shape, device=is_token.device)
        return CompletionScores(*(blank.masked_scatter(is_token, values) for values in scores))

    def next_logits(self, hidden: Tensor) -> Tensor:
        """Float32 logits (…, vocabulary) of the tokens after hidden states (…, hidden).

        Those of `<IMG_CONTEXT>` are minus infinity: it is never sampled, and log-probabilities are
        normalised without it (docs/departures.md, 16).
        """
        logits: Tensor = self.lm_head(hidden).float()
        logits[..., self.config.image_token_id] = -torch.inf
        return logits

    def prepare_inputs_for_generation(
        self, *args: Any, is_first_iteration: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """For transformers' `generate`: after the first step the cache holds the clip."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            *args, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration and kwargs.get("use_cache", True):
            inputs.pop("frame_features", None)
            inputs.pop("motion_features", None)
        return inputs


AutoConfig.register(VQAThinkerConfig.model_type, VQAThinkerConfig)
AutoModelForImageTextToText.register(VQAThinkerConfig, VQAThinkerForConditionalGeneration)
