"""The motion branch's encoder, by its name: frozen, from a clip to the feature of the motion token.

Source: docs/method.md, section 2. An encoder sees the same sampled, normalised frames as the image
encoder. SlowFast-R50 at paper scale, a fixed filter bank in the demo.
"""

from typing import Any

from vqathinker.errors import InputError
from vqathinker.policy.motion.filter_bank import FilterBank
from vqathinker.policy.motion.slowfast import TIME_REPEAT, SlowFastR50

__all__ = ["build_motion_encoder"]


def build_motion_encoder(config: dict[str, Any]) -> FilterBank | SlowFastR50:
    """The motion encoder that a policy's configuration names.

    Args:
        config: {"encoder": "filter_bank", "slow_divisor": 1} or {"encoder": "slowfast_r50",
            "time_repeat": {"6": 6, "12": 4}}, where only `encoder` is needed. How a clip goes
            through SlowFast-R50 depends on its number of frames, which differs between training
            and evaluation, so there is no switch that could be left in the wrong place.

    Raises:
        InputError: the name is not known here, or a value does not fit.
    """
    name = config.get("encoder")
    if name == "filter_bank":
        return FilterBank(int(config.get("slow_divisor", 1)))
    if name == "slowfast_r50":
        table = config.get("time_repeat", TIME_REPEAT)
        return SlowFastR50({int(frames): int(repeat) for frames, repeat in table.items()})
    raise InputError(
        f"motion encoder {name!r} is not known; expected 'filter_bank' or 'slowfast_r50': "
        "check base.motion.encoder"
    )
