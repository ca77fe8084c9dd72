"""SlowFast-R50 (8x8): from a clip to the motion feature of 2304 numbers.

Names and shapes of the weights are those of pytorchvideo 0.1.5's `slowfast_r50`, whose public
weights are used, without the classifier (`blocks.5` has no weights, `blocks.6` is not used).

Source: Feichtenhofer et al., "SlowFast Networks for Video Recognition", arXiv 1812.03982, table 1;
docs/method.md, section 2, for the pooling.

Departures from the released code:
1. Batch norms always use their stored statistics. The authors' switch to training mode together
   with the policy, and then depend on the batch. Not available.
2. The encoder computes in float32 whatever the precision of the policy is, so that a clip has the
   same feature. Restore: `policy.model.motion_encoder.to(torch.bfloat16)`.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqathinker.errors import InputError, reading
from vqathinker.hashing import sha256_of_file
from vqathinker.policy.config import check_tensors

FAST_RATIO = 8  # the fast pathway has an eighth of the channels
ALPHA = 4  # the fast pathway has four times the frames
_FUSED = 2  # the fusion doubles the channels of the fast pathway


class Stage(NamedTuple):
    """Sizes of a residual stage."""

    blocks: int
    width: int  # channels within a block of the slow pathway; four times that at its output
    slow_time: int  # kernel size over time in the slow pathway; 3 in the fast one
    stride: int


_STEM = 64
STAGES = (Stage(3, 64, 1, 1), Stage(4, 128, 1, 2), Stage(6, 256, 3, 2), Stage(3, 512, 3, 2))


class _Stem(nn.Module):
    """Convolution, batch norm, ReLU and max pool; each of the two halves height and width."""

    def __init__(self, channels: int, time: int) -> None:
        super().__init__()
        self.conv = _conv(3, channels, (time, 7, 7), stride=2)
        self.norm = nn.BatchNorm3d(channels)
        self.pool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.norm(self.conv(x)).relu_())


class _Bottleneck(nn.Module):
    """Convolutions over time, space and channels, each with a batch norm."""

    def __init__(self, channels: int, width: int, time: int, stride: int) -> None:
        super().__init__()
        self.conv_a = _conv(channels, width, (time, 1, 1))
        self.norm_a = nn.BatchNorm3d(width)
        self.conv_b = _conv(width, width, (1, 3, 3), stride)
        self.norm_b = nn.BatchNorm3d(width)
        self.conv_c = _conv(width, 4 * width, (1, 1, 1))
        self.norm_c = nn.BatchNorm3d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm_a(self.conv_a(x)).relu_()
        x = self.norm_b(self.conv_b(x)).relu_()
        return self.norm_c(self.conv_c(x))


class _Residual(nn.Module):
    """A bottleneck plus its input, which is projected if the shapes differ."""

    def __init__(self, channels: int, width: int, time: int, stride: int) -> None:
        super().__init__()
        self.branch1_conv = self.branch1_norm = None
        if channels != 4 * width or stride > 1:
            self.branch1_conv = _conv(channels, 4 * width, (1, 1, 1), stride)
            self.branch1_norm = nn.BatchNorm3d(4 * width)
        self.branch2 = _Bottleneck(channels, width, time, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.branch1_conv is not None and self.branch1_norm is not None:
            shortcut = self.branch1_norm(self.branch1_conv(x))
        return (self.branch2(x) + shortcut).relu_()


class _ResidualStage(nn.Module):
    """Residual blocks of one pathway; only the first one has a stride."""

    def __init__(self, channels: int, width: int, time: int, stage: Stage) -> None:
        super().__init__()
        first = _Residual(channels, width, time, stage.stride)
        rest = [_Residual(4 * width, width, time, 1) for _ in range(stage.blocks - 1)]
        self.res_blocks = nn.ModuleList([first, *rest])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.res_blocks:
            x = block(x)
        return x


class _Fusion(nn.Module):
    """Reduces the fast pathway to the frames of the slow one, and appends it to its channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_fast_to_slow = nn.Conv3d(
            channels, _FUSED * channels, (7, 1, 1), (ALPHA, 1, 1), (3, 0, 0), bias=False
        )
        self.norm = nn.BatchNorm3d(_FUSED * channels)

    def forward(self, paths: list[Tensor]) -> list[Tensor]:
        slow, fast = paths
        over = self.norm(self.conv_fast_to_slow(fast)).relu_()
        return [torch.cat([slow, over], dim=1), fast]


class _TwoPathways(nn.Module):
    """One block of each pathway, followed by the fusion."""

    def __init__(self, slow: nn.Module, fast: nn.Module, fusion: nn.Module) -> None:
        super().__init__()
        self.multipathway_blocks = nn.ModuleList([slow, fast])
        self.multipathway_fusion = fusion

    def forward(self, paths: list[Tensor]) -> list[Tensor]:
        both = zip(self.multipathway_blocks, paths, strict=True)
        return self.multipathway_fusion([block(path) for block, path in both])


def build_stage(number: int) -> nn.Module:
    """Residual stage `number` of `STAGES`, both pathways; the last one has no fusion."""
    stage = STAGES[number]
    before = 4 * STAGES[number - 1].width if number else _STEM
    fast_before, fast_width = before // FAST_RATIO, stage.width // FAST_RATIO
    last = number == len(STAGES) - 1
    return _TwoPathways(
        _ResidualStage(before + _FUSED * fast_before, stage.width, stage.slow_time, stage),
        _ResidualStage(fast_before, fast_width, 3, stage),
        nn.Identity() if last else _Fusion(4 * fast_width),
    )


def _conv(before: int, after: int, kernel: tuple[int, int, int], stride: int = 1) -> nn.Conv3d:
    """Convolution without bias, padded to keep the size, with stride over height and width."""
    time, height, width = (n // 2 for n in kernel)
    return nn.Conv3d(before, after, kernel, (1, stride, stride), (time, height, width), bias=False)


_WINDOWS = ((8, 7, 7), (32, 7, 7))  # average pools of slow and fast pathway: time, height, width
_MIN_SIZE = 32 * (_WINDOWS[0][1] - 1) + 1  # px; features have one place per 32 px

CLIPS_PER_CHUNK = 4  # a single-GPU step has 128 perturbed copies, of 150 MB each at 448 px

# Repetitions of each frame's features before the pools, by number of frames, in the authors'
# training and evaluation.
_TIME_REPEAT = {6: 6, 12: 4}


class SlowFastR50(nn.Module):
    """Frozen motion encoder: all state is in buffers, and it is never in training mode."""

    dim = STAGES[-1].width * 4 * (FAST_RATIO + 1) // FAST_RATIO  # 2048 slow + 256 fast

    def __init__(self) -> None:
        super().__init__()
        fast = _STEM // FAST_RATIO
        stem = _TwoPathways(_Stem(_STEM, 1), _Stem(fast, 5), _Fusion(fast))
        self.blocks = nn.ModuleList([stem, *(build_stage(i) for i in range(len(STAGES)))])
        for module in self.eval().modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                delattr(module, name)
                module.register_buffer(name, parameter.detach())

    def train(self, mode: bool = True) -> "SlowFastR50":  # noqa: ARG002
        """Stay in eval mode."""
        return super().train(False)

    def encode_frames(self, pixel_values: Tensor, statistics: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """The frames themselves: SlowFast has no features of single frames."""
        return pixel_values

    def pool_frames(self, frame_features: Tensor) -> Tensor:
        """Features (clips, 2304), as `forward`."""
        return self(frame_features)

    @torch.no_grad()
    def forward(self, pixel_values: Tensor) -> Tensor:
        """Normalised frames (clips, frames, 3, size, size) → features (clips, 2304), float32.

        Raises:
            InputError: frames are smaller than 193 px.
        """
        frames, size = pixel_values.shape[1], min(pixel_values.shape[-2:])
        if size < _MIN_SIZE:
            raise InputError(
                f"frames have {size} px; SlowFast-R50 needs at least {_MIN_SIZE}: change the clip "
                "setting"
            )
        repeat = time_repeats(frames)
        precision = next(self.buffers()).dtype
        with torch.autocast(pixel_values.device.type, enabled=False):
            parts = [
                self._features(part.transpose(1, 2).to(precision), repeat)
                for part in pixel_values.split(CLIPS_PER_CHUNK)
            ]
        return torch.cat(parts).float()

    def _features(self, fast: Tensor, repeat: int) -> Tensor:
        """Features of clips (clips, 3, frames, size, size)."""
        frames = fast.shape[2]
        slow = fast[:, :, torch.linspace(0, frames - 1, _slow_frames(frames)).long()]
        paths = [slow, fast]
        for block in self.blocks:
            paths = block(paths)
        pooled = [_pool(*path, repeat) for path in zip(paths, _WINDOWS, strict=True)]
        return torch.cat(pooled, dim=1)


def time_repeats(frames: int) -> int:
    """Repetitions of the features of `frames` frames: the authors', else enough for the pools.

    The authors' evaluation has 4, where 3 would be enough.

    >>> time_repeats(12), time_repeats(16)
    (4, 2)
    """
    fewest = max(-(-_WINDOWS[0][0] // _slow_frames(frames)), -(-_WINDOWS[1][0] // frames))
    return _TIME_REPEAT.get(frames, fewest)


def _slow_frames(frames: int) -> int:
    """Frames of the slow pathway, which the strides of the fusions determine.

    They equal the authors' T // 3 for 6 frames and T // 4 for 12.
    """
    return -(-frames // ALPHA)


def _pool(x: Tensor, window: tuple[int, int, int], repeat: int) -> Tensor:
    """Mean over all windows of an average pool with stride 1.

    (clips, channels, time, height, width) → (clips, channels). It is computed as a weighted mean,
    whose weights are a product of one factor per axis.
    """
    time, height, width = x.shape[2:]
    # Repetitions of a frame follow each other, so their weights add up.
    along_time = _pool_weights(time * repeat, window[0]).view(time, repeat).sum(1)
    factors = (along_time, _pool_weights(height, window[1]), _pool_weights(width, window[2]))
    return torch.einsum("ncthw,t,h,w->nc", x, *(factor.to(x) for factor in factors))


def _pool_weights(places: int, window: int) -> Tensor:
    """Weight of each place in the mean over all windows; the sum is 1.

    >>> _pool_weights(4, 2) * 6
    tensor([1., 2., 2., 1.])
    """
    place = torch.arange(places)
    windows = places - window + 1
    covered = torch.minimum(place + 1, places - place).clamp(max=min(window, windows))
    return covered / (window * windows)


_CLASSIFIER = {"blocks.6.proj.weight", "blocks.6.proj.bias"}
_COUNTER = "num_batches_tracked"  # unused in eval mode, and missing in some files


def fetch_weights(where: str, sha256: str | None) -> tuple[Path, str]:
    """Download the weights once to torch's folder of checkpoints; return path and sha256.

    Args:
        where: a local path, or a URL.
        sha256: the expected hash; None: any.

    Raises:
        InputError: the file cannot be downloaded, or has another hash.
    """
    path = Path(where)
    if "://" in where:
        path = Path(torch.hub.get_dir()) / "checkpoints" / where.rpartition("/")[2]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                torch.hub.download_url_to_file(where, str(path), progress=False)
            except OSError as error:  # includes URLError
                raise InputError(
                    f"{where}: {error}; download it elsewhere and copy it to {path}, or set "
                    "base.motion.weights to its path"
                ) from error
    if not path.is_file():
        raise InputError(f"{path}: no such file; set base.motion.weights to SlowFast's weights")
    found = sha256_of_file(path)
    if sha256 is not None and found != sha256:
        raise InputError(
            f"{path}: sha256 is {found}, expected {sha256}; remove the file to download it again, "
            "or correct base.motion.sha256 if you trust it"
        )
    return path, found


def load_weights(encoder: SlowFastR50, path: Path) -> None:
    """Load pytorchvideo's file, {"model_state": tensors by name}, without unpickling code.

    Raises:
        InputError: the file contains other objects than tensors, or other tensors.
    """
    expected = "pytorchvideo's file, a mapping 'model_state' of tensors"
    with reading(path, expected, "download it again from base.motion.weights"):
        state = dict(torch.load(path, map_location="cpu", weights_only=True)["model_state"])
    own = encoder.state_dict()
    loaded = {name: tensor for name, tensor in state.items() if name not in _CLASSIFIER}
    loaded |= {name: own[name] for name in own if name.endswith(_COUNTER) and name not in loaded}
    check_tensors(path, _shapes(own), _shapes(loaded))
    encoder.load_state_dict(loaded)


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
