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
    from vqathinker.scoring.loaded import LoadedPolicy

DEFAULT: Final = Path("models/demo/grpo/policy")  # what `make demo` trains
AUTHORS: Final = "authors"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_OWN = "vqathinker"  # model_type of a policy's folder


def load_policy(policy: str | Path | None = None, device: Device = "auto") -> "LoadedPolicy":
    """Load the policy that scores clips.

    Args:
        policy: a policy's folder, or a name (see `find_policy`).
        device: auto is the GPU if there is one.

    Raises:
        InputError: there is no such policy, with what to do; or no such device; or the folder
            holds no whole policy.
    """
    folder = find_policy(policy)
    cap_kernels(_kernels_of(folder))
    from vqathinker.scoring.loaded import LoadedPolicy  # noqa: PLC0415  torch must load after that

    return LoadedPolicy(folder, device)


def _kernels_of(folder: Path) -> Kernels:
    """The CPU kernels that the policy was made with, so that its scores equal its tables'."""
    if not (folder / PROVENANCE).is_file():
        return "native"  # loading this folder will fail
    record = read_json(folder / PROVENANCE, "the record of a policy's origin", POLICY.remedy)
    made_with = record.get("settings", {}).get("kernels")
    capped = made_with == "avx2" or (made_with is None and record.get("machine", {}).get("caps"))
    return "avx2" if capped else "native"


def find_policy(policy: str | Path | None = None) -> Path:
    """The folder of a policy.

    Args:
        policy: a policy's folder; the name of a run of the project in this folder (`grpo`, or with
            its scale `demo/grpo`); `authors`, the released weights; or a repository of the hub,
            `owner/name`, in this project's layout or in the authors'. A repository is downloaded
            once, and imported once into $XDG_CACHE_HOME/vqathinker, else ~/.cache/vqathinker.
            None: the policy that `make demo` trains.

    Raises:
        InputError: there is none, or it cannot be had or imported, with what to do.
    """
    if Path(policy or DEFAULT).is_dir():
        return Path(policy or DEFAULT)
    if policy is None:
        raise InputError(
            f"{DEFAULT}: no such folder, and no policy was named: run `make demo` in the project's "
            f"folder, or name a policy's folder, or `{AUTHORS}` for the released weights (16 GB)"
        )
    name = str(policy)
    if name == AUTHORS:
        from vqathinker.params.base import RELEASED  # noqa: PLC0415  pydantic, only here

        return _of_hub(RELEASED)
    if (run := _runs().get(name)) is not None:
        return run
    if _REPOSITORY.fullmatch(name) and not name.startswith((".", "models/")):
        return _of_hub(name)
    here = ", ".join(_runs()) or f"none in this folder, {Path.cwd()}"
    raise InputError(
        f"{policy}: no such policy{nearest(name, _runs())}; expected a policy's folder, a run of "
        f"the project ({here}), `{AUTHORS}`, or owner/name on the hub"
    )


def _runs() -> dict[str, Path]:
    """Policies of the project in this folder by `run` (of the first scale) and `scale/run`."""
    found: dict[str, Path] = {}
    for path in sorted(Path("models").glob("*/*/policy")):
        run, scale = path.parent.name, path.parent.parent.name
        found.setdefault(run, path)
        found[f"{scale}/{run}"] = path
    for path in sorted(Path("models/base").glob("*/config.json")):
        found.setdefault(f"base/{path.parent.name}", path.parent)
    return found


def _of_hub(repo: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    imported = cache / "vqathinker" / "policies" / repo.replace("/", "--")
    if (imported / "config.json").is_file():  # imports are atomic
        return imported
    from vqathinker.policy.interchange.snapshot import snapshot  # noqa: PLC0415  only for the hub

    try:
        folder, _ = snapshot(repo, "main")
    except InputError as error:
        raise InputError(
            f"{repo}: no folder here, and the download from the hub failed "
            f"({type(error.__cause__).__name__}): check the name and the network; or run "
            f"`hf download {repo}` elsewhere, `vqathinker policy import`, and name the folder"
        ) from error
    config = read_json(folder / "config.json", "a model's configuration", POLICY.remedy)
    if config.get("model_type") == _OWN:
        return folder
    from vqathinker.params.base import OriginalBaseParams  # noqa: PLC0415
    from vqathinker.policy.interchange.bases import prepare_original_base  # noqa: PLC0415

    params = OriginalBaseParams(
        name="imported", kind="original", repo=repo, revision="main", motion=None
    )
    prepare_original_base(params, imported)
    return imported
