"""The files of a repository of the hub at one revision, without code and without pickles.

Imports no torch: kernels are capped after a policy is found (`policy.machine`).
"""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

NEEDED = ["*.safetensors", "*.json", "*.txt"]


class HubError(Exception):
    """A repository cannot be had, or what came is not what was meant."""


def snapshot(repo: str, revision: str) -> tuple[Path, str | None]:
    """The folder with the files of `repo`, owner/name on the hub, and the commit they are of.

    `repo` may be a folder, which has no commit (None).

    Raises:
        HubError: the repository cannot be had here.
    """
    if Path(repo).is_dir():
        return Path(repo), None
    try:
        path = Path(snapshot_download(repo, revision=revision, allow_patterns=NEEDED))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise HubError(
            f"{repo} at {revision}: {type(error).__name__}; it is no folder here, and this machine "
            f"cannot have it from the hub. Elsewhere: `hf download {repo} --revision {revision}`; "
            "then set base.repo to the folder that it names"
        ) from error
    return path, path.name
