"""The policy: transformers' InternVL with one motion token after the frames.

Source: docs/method.md, section 2. Visual tokens of all frames, then the projected motion feature,
take the places of the `<IMG_CONTEXT>` tokens in order, so the motion token is the last of them.
`forward(completion_ids=…, …)` scores completions: in one row per video (`policy.packing`), or in
plain rows, one per completion, for layers with a sliding window.
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

from vqathinker.policy.config import VQAThinkerConfig, has_window
from vqathinker.policy.head import CompletionScores, score_tokens
from vqathinker.policy.motion.filter_bank import FilterBank
from vqathinker.policy.motion.slowfast import SlowFastR50
from vqathinker.policy.packing import pack

# Passes without gradient are chunked, which bounds peak memory to one chunk: a step on one GPU has
# 160 prompts of 1,700 tokens and 192 frames of 1,025 patches. This many keep a GPU busy.
POSITIONS_AT_A_TIME: Final = 32_768


def rows_at_a_time(positions: int) -> int:
    """Rows of `positions` each in a chunk: at least one."""
    return max(1, POSITIONS_AT_A_TIME // positions)


MOTION_ENCODERS: dict[str, type[FilterBank] | type[SlowFastR50]] = {
    "filter_bank": FilterBank,
    "slowfast_r50": SlowFastR50,
}


class VQAThinkerModel(InternVLModel):
    """InternVL's body with a frozen motion encoder and its trained projector."""

    config_class = VQAThinkerConfig
    _keep_in_fp32_modules_strict = ("motion_encoder",)  # a clip has one feature in any precision

    def __init__(self, config: VQAThinkerConfig) -> None:
        super().__init__(config)
        self.motion_encoder = MOTION_ENCODERS[config.motion["encoder"]]().float()
        width, hidden = self.motion_encoder.dim, config.text_config.hidden_size
        self.motion_projector = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden)
        )
        self.post_init()

    def train(self, mode: bool = True) -> "VQAThinkerModel":
        """All but the motion encoder, which stays in eval mode (docs/departures.md, 12)."""
        super().train(mode)
        self.motion_encoder.eval()
        return self

    def encode_frames(self, pixel_values: Tensor) -> Tensor:
        """Normalised frames (clips, frames, 3, size, size) → (clips, frames, K, 4 x vision width).

        K visual tokens a frame, before the projector; a frozen image encoder gives the same ones in
        every step.
        """
        clips, frames = pixel_values.shape[:2]
        pixels = pixel_values.flatten(0, 1).to(self.vision_tower.dtype)
        each = 1 + (pixels.shape[-1] // self.config.vision_config.patch_size[0]) ** 2
        chunks = pixels.split(rows_at_a_time(each))
        # Without the class token.
        patches = torch.cat([self.vision_tower(some).last_hidden_state[:, 1:] for some in chunks])
        side = math.isqrt(patches.shape[1])
        grid = patches.view(clips * frames, side, side, -1)
        tokens = self.pixel_shuffle(grid, scale_factor=self.config.downsample_ratio)
        return tokens.reshape(clips, frames, -1, tokens.shape[-1])

    def encode_motion_frames(self, pixel_values: Tensor) -> Tensor:
        """Normalised frames (clips, frames, 3, size, size) → features of each (clips, frames, …).

        Without a motion token they are empty, (clips, frames, 0), and nothing is computed.
        """
        if not self.config.motion_token:
            return pixel_values.new_zeros(*pixel_values.shape[:2], 0)
        return self.motion_encoder.encode_frames(pixel_values)

    def pool_motion(self, frame_features: Tensor) -> Tensor:
        """Float32 features (clips, dim), or (clips, 0), of frames in whatever order."""
        if not self.config.motion_token:
            return frame_features[:, 0]
        return self.motion_encoder.pool_frames(frame_features)

    def embed(self, input_ids: Tensor, frame_features: Tensor, motion_features: Tensor) -> Tensor:
        """Prompt embeddings (clips, length, hidden) with visual and motion tokens in their places.

        Raises:
            ValueError: prompts have another number of `<IMG_CONTEXT>` than there are tokens.
        """
        text = self.get_input_embeddings()(input_ids)
        visual = self.multi_modal_projector(frame_features.flatten(1, 2).to(text.dtype))
        if self.config.motion_token:
            motion = self.motion_projector(motion_features.to(text.dtype))[:, None]
            visual = torch.cat([visual, motion], dim=1)  # (clips, frames · K + 1, hidden)
        places = input_ids == self.config.image_token_id
        if not bool((places.sum(1) == visual.shape[1]).all()):
            raise ValueError(
                f"prompts hold {places.sum(1).tolist()} <IMG_CONTEXT> tokens but the clips give "
                f"{visual.shape[1]}; expected frames x tokens per frame, + 1 for a motion token"
            )
        return text.masked_scatter(places[..., None], visual.to(text.dtype))

    def encode(
        self, pixel_values: Tensor | None, frame_features: Tensor | None,
        motion_features: Tensor | None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Frame and motion features; those that are not given are computed from the pixels."""
        if pixel_values is not None and frame_features is None:
            frame_features = self.encode_frames(pixel_values)
        if pixel_values is not None and motion_features is None:
            motion_features = self.pool_motion(self.encode_motion_frames(pixel_values))
        if frame_features is None or motion_features is None:
            raise ValueError("expected pixel_values, or frame and motion features")
        return frame_features, motion_features

    def forward(
        self, input_ids: Tensor | None = None, pixel_values: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        frame_features: Tensor | None = None, motion_features: Tensor | None = None, **kwargs: Any,
    ) -> InternVLModelOutputWithPast:  # fmt: skip
        """As InternVL's, with clips instead of images; features may be given instead of pixels."""
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
    """The policy that answers `<think>…</think><answer>3.42</answer>` to a clip and a prompt."""

    config_class = VQAThinkerConfig

    def __init__(self, config: VQAThinkerConfig) -> None:
        super().__init__(config)
        self.model = VQAThinkerModel(config)
        self.post_init()

    def forward(  # noqa: PLR0913, PLR0917  transformers calls it with these
        self, input_ids: Tensor | None = None, pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None, position_ids: Tensor | None = None,
        past_key_values: DynamicCache | None = None, inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None, logits_to_keep: int | Tensor = 0,
        frame_features: Tensor | None = None, motion_features: Tensor | None = None,
        completion_ids: Tensor | None = None, lengths: Tensor | None = None,
        rows: Tensor | None = None, temperature: float = 1.0, packed: bool = True, **kwargs: Any,
    ) -> InternVLCausalLMOutputWithPast | CompletionScores:  # fmt: skip
        """Logits of the prompts, or, with `completion_ids`, scores of the completions' tokens.

        Args:
            input_ids: prompts of equal length (prompts, length).
            pixel_values: normalised frames (prompts, frames, 3, size, size).
            completion_ids: completions padded on the right (completions, tokens).
            lengths: tokens of each completion (completions,).
            rows: the prompt that each completion answers (completions,).
            temperature: of the scores, as in sampling.
            packed: one row a prompt; false, and always where a layer has a sliding window: one a
                completion, each with its whole prompt.
        """
        if completion_ids is None or lengths is None or rows is None or input_ids is None:
            return super().forward(
                input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask,
                position_ids=position_ids, past_key_values=past_key_values,
                inputs_embeds=inputs_embeds, labels=labels, logits_to_keep=logits_to_keep,
                frame_features=frame_features, motion_features=motion_features, **kwargs,
            )  # fmt: skip
        frames, motion = self.model.encode(pixel_values, frame_features, motion_features)
        # In a packed row neighbours in a completion are far apart, so a window would miss them.
        if packed and not has_window(self.config.text_config):
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
        """Float32 logits (…, vocabulary) of the token after each of the states (…, hidden).

        Minus infinity for `<IMG_CONTEXT>`: it is never sampled, and log-probabilities are
        normalised without it (docs/departures.md, 16).
        """
        logits: Tensor = self.lm_head(hidden).float()
        logits[..., self.config.image_token_id] = -torch.inf
        return logits

    def prepare_inputs_for_generation(
        self, *args: Any, is_first_iteration: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """For transformers' `generate`: after the first step the cache has the visual tokens."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            *args, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration and kwargs.get("use_cache", True):
            inputs.pop("frame_features", None)
            inputs.pop("motion_features", None)
        return inputs


AutoConfig.register(VQAThinkerConfig.model_type, VQAThinkerConfig)
AutoModelForImageTextToText.register(VQAThinkerConfig, VQAThinkerForConditionalGeneration)
