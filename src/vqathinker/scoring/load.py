"""Find a policy by folder, name or hub repository, and load it for scoring."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vqathinker.choices import Device, Kernels
from vqathinker.errors import InputError, read_json
from vqathinker.phases.hints import nearest
from vqathinker.policy.folder.hashes import PROVENANCE
from vqathinker.policy.machine import cap_kernels
from vqathinker.products import POLICY

if TYPE_CHECKING:
    from vqathinker.scoring.loaded_policy import LoadedPolicy

DEFAULT_POLICY: Final = Path("models/demo/grpo/policy")  # trained by `make demo`
RELEASED_NAME: Final = "authors"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_MODEL_TYPE = "vqathinker"  # in config.json of policy folders


def load_policy(policy: str | Path | None = None, device: Device = "auto") -> "LoadedPolicy":
    """Load a policy that scores clips.

    Args:
        policy: a policy folder or a name, see `find_policy`.
        device: "auto" selects the GPU if there is one.

    Raises:
        InputError: there is no such policy or device, or the policy folder is incomplete.
    """
    folder = find_policy(policy)
    cap_kernels(_kernels_of(folder))
    from vqathinker.scoring.loaded_policy import LoadedPolicy  # noqa: PLC0415  imports torch

    return LoadedPolicy(folder, device)


def _kernels_of(folder: Path) -> Kernels:
    # With the CPU kernels of its training, a policy's scores equal those in its tables.
    if not (folder / PROVENANCE).is_file():
        return "native"  # loading this folder will fail
    record = read_json(folder / PROVENANCE, "the provenance of a policy", POLICY.remedy)
    recorded = record.get("settings", {}).get("kernels")
    capped = recorded == "avx2" or (recorded is None and record.get("machine", {}).get("caps"))
    return "avx2" if capped else "native"


def find_policy(policy: str | Path | None = None) -> Path:
    """Find the folder of a policy.

    Args:
        policy: a policy folder; the name of a run in the current project folder (`grpo`, or with
            its scale `demo/grpo`); `authors` for the released weights; or a repository on the hub
            (`owner/name`) in this project's layout or the authors'. A repository is downloaded
            once, and converted once into $XDG_CACHE_HOME/vqathinker (default: ~/.cache/vqathinker).
            None selects the policy that `make demo` trains.

    Raises:
        InputError: there is no such policy, or it cannot be downloaded or converted.
    """
    if Path(policy or DEFAULT_POLICY).is_dir():
        return Path(policy or DEFAULT_POLICY)
    if policy is None:
        raise InputError(
            f"{DEFAULT_POLICY}: no such folder; expected the policy of the demo: run `make demo`, "
            f"or name a policy folder, or `{RELEASED_NAME}` for the released weights (16 GB)"
        )
    name = str(policy)
    if name == RELEASED_NAME:
        from vqathinker.params.base import RELEASED  # noqa: PLC0415  pydantic, only here

        return _policy_from_hub(RELEASED)
    if (run := _runs().get(name)) is not None:
        return run
    if _REPOSITORY.fullmatch(name) and not name.startswith((".", "models/")):
        return _policy_from_hub(name)
    here = ", ".join(_runs()) or f"none in this folder, {Path.cwd()}"
    raise InputError(
        f"{policy}: no such policy{nearest(name, _runs())}; expected a policy folder, a run of "
        f"the project ({here}), `{RELEASED_NAME}`, or owner/name on the hub"
    )


def _runs() -> dict[str, Path]:
    """Policies of the project in the current folder, by `run` (first scale) and `scale/run`."""
    found: dict[str, Path] = {}
    for path in sorted(Path("models").glob("*/*/policy")):
        run, scale = path.parent.name, path.parent.parent.name
        found.setdefault(run, path)
        found[f"{scale}/{run}"] = path
    for path in sorted(Path("models/base").glob("*/config.json")):
        found.setdefault(f"base/{path.parent.name}", path.parent)
    return found


def _policy_from_hub(repo: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    imported = cache / "vqathinker" / "policies" / repo.replace("/", "--")
    if (imported / "config.json").is_file():  # the folder appears only when it is complete
        return imported
    from vqathinker.policy.interchange.snapshot import snapshot  # noqa: PLC0415  only for the hub

    try:
        folder, _ = snapshot(repo, "main")
    except InputError as error:
        raise InputError(
            f"{repo}: not a folder, and the download from the hub failed "
            f"({type(error.__cause__).__name__}): check the name and the network, or run `hf "
            f"download {repo}` elsewhere and `vqathinker policy import`, and name the folder"
        ) from error
    config = read_json(folder / "config.json", "a model's configuration", POLICY.remedy)
    if config.get("model_type") == _MODEL_TYPE:
        return folder
    from vqathinker.params.base import OriginalBaseParams  # noqa: PLC0415
    from vqathinker.policy.interchange.bases import prepare_original_base  # noqa: PLC0415

    params = OriginalBaseParams(
        name="imported", kind="original", repo=repo, revision="main", motion=None
    )
    prepare_original_base(params, imported)
    return imported
