"""The processor of a policy folder: from decoded frames to the inputs of the policy.

Source: docs/method.md, section 2. It is InternVL's without its image and video processors, which
need torchvision and cut a frame into tiles; a frame of this method is one square. It decodes
nothing: `vqathinker.video.decode` samples, decodes and resizes.
"""

from collections.abc import Sequence

from torch import Tensor
from transformers import AutoProcessor, BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from vqathinker.errors import InputError
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.normalisation import IMAGENET_MEAN, IMAGENET_STD, normalise
from vqathinker.policy.prompt import Setting
from vqathinker.video.sampling import parse_setting

AUTHORS_SETTING = "12x560"  # in which the authors evaluate


class VQAThinkerProcessor(ProcessorMixin):
    """Puts the prompt before clips and normalises their pixels.

    Args:
        frames, size: of a clip, as the policy is meant to be asked.
        pixels_per_token: side of the square of a frame that one visual token stands for.
        prompt: "evaluation" or "training", which differ in line breaks and blanks.
        thinking: whether the prompt asks for a thought before the answer.
        motion: whether the prompt has the motion token.
        image_mean, image_std: of red, green and blue, on the scale 0..1.
    """

    def __init__(  # noqa: PLR0913, PLR0917  each is kept in the folder under its name
        self,
        tokenizer: PreTrainedTokenizerBase | None = None,
        frames: int = 12,
        size: int = 560,
        pixels_per_token: int = 28,
        prompt: Setting = "evaluation",
        thinking: bool = True,
        motion: bool = True,
        image_mean: Sequence[float] = IMAGENET_MEAN,
        image_std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        self.frames, self.size, self.pixels_per_token = frames, size, pixels_per_token
        self.prompt: Setting = prompt
        self.thinking, self.motion = thinking, motion
        self.image_mean, self.image_std = list(image_mean), list(image_std)
        super().__init__(tokenizer)

    @classmethod
    def of(
        cls, config: VQAThinkerConfig, tokenizer: PreTrainedTokenizerBase
    ) -> "VQAThinkerProcessor":
        """The processor of a policy whose configuration names the setting it is asked with.

        Raises:
            ValueError: it names none.
        """
        shape = parse_setting(str(config.setting))
        config.tokens_per_frame(shape.size)
        pixels = round(config.vision_config.patch_size[0] / config.downsample_ratio)
        return cls(
            tokenizer, shape.frames, shape.size, pixels, thinking=config.thinking,
            motion=config.motion_token,
        )  # fmt: skip

    def __call__(self, clips: Tensor, prompt: Setting | None = None) -> BatchFeature:
        """What `policy.generate(**inputs)` takes.

        Args:
            clips: frames uint8 (clips, frames, 3, size, size).
            prompt: another setting's prompt than the processor's own.

        Returns:
            `input_ids` and `attention_mask` (clips, length), `pixel_values` float32 as `clips`.

        Raises:
            ValueError: the clips have another shape than the policy is meant to be asked with.
        """
        wanted = (self.frames, 3, self.size, self.size)
        if clips.ndim != 5 or tuple(clips.shape[1:]) != wanted:
            raise InputError(
                f"clips of shape {tuple(clips.shape)}; expected {('clips', *wanted)}: decode them "
                f"as {self.frames}x{self.size}"
            )
        tokens = (self.size // self.pixels_per_token) ** 2
        wording = prompt or self.prompt
        ids = prompt_ids(
            self.tokenizer, wording, self.frames, tokens, thinking=self.thinking,
            motion=self.motion,
        )  # fmt: skip
        ids = ids.to(clips.device).repeat(len(clips), 1)
        pixels = normalise(clips, self.image_mean, self.image_std)
        return BatchFeature(
            {"input_ids": ids, "attention_mask": ids.new_ones(ids.shape), "pixel_values": pixels}
        )

    @property
    def model_input_names(self) -> list[str]:
        """Names that the policy's forward takes."""
        return ["input_ids", "attention_mask", "pixel_values"]


AutoProcessor.register(VQAThinkerConfig, VQAThinkerProcessor)
