"""From the name of a policy to a policy that scores clips."""

from pathlib import Path
from typing import TYPE_CHECKING

from vqathinker.choices import Device, Kernels
from vqathinker.errors import read_json
from vqathinker.policy.folder.hashes import PROVENANCE
from vqathinker.policy.kernels import cap_kernels
from vqathinker.products import POLICY
from vqathinker.scoring.find import find_policy

if TYPE_CHECKING:
    from vqathinker.scoring.loaded import LoadedPolicy

__all__ = ["load_policy"]


def load_policy(policy: str | Path | None = None, device: Device = "auto") -> "LoadedPolicy":
    """Load the policy that scores clips.

    Args:
        policy: a policy's folder, or a name (see `find_policy`); None: the demo's trained one, in
            the project's folder.
        device: auto is the GPU where there is one.

    Raises:
        InputError: there is no such policy, with what to do; or no such device.
        PolicyError: the folder holds no whole policy.
    """
    folder = find_policy(policy)
    cap_kernels(_kernels_of(folder))
    from vqathinker.scoring.loaded import LoadedPolicy  # noqa: PLC0415  torch comes behind the caps

    return LoadedPolicy(folder, device)


def _kernels_of(folder: Path) -> Kernels:
    """The CPU kernels that the policy was made with, so that its scores are those of its tables."""
    if not (folder / PROVENANCE).is_file():
        return "native"  # it is no whole policy, as loading it will tell
    record = read_json(folder / PROVENANCE, "the record of a policy's origin", POLICY.remedy)
    made_with = record.get("settings", {}).get("kernels")
    capped = made_with == "avx2" or (made_with is None and record.get("machine", {}).get("caps"))
    return "avx2" if capped else "native"
