"""The files of a repository of the hub at one revision, without code and without pickles.

Imports no torch: kernels are capped after a policy is found (`policy.machine`).
"""

from pathlib import Path
from typing import NamedTuple

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

NEEDED = ["*.safetensors", "*.json", "*.txt"]


class HubError(Exception):
    """A repository cannot be had, or what came is not what was meant."""


class Snapshot(NamedTuple):
    """A folder with a repository's files, and the commit they are of; None for a folder."""

    folder: Path
    commit: str | None


def snapshot(repo: str, revision: str) -> Snapshot:
    """The files of `repo`, owner/name on the hub or a folder, which has no revisions.

    Raises:
        HubError: the repository cannot be had here.
    """
    if Path(repo).is_dir():
        return Snapshot(Path(repo), None)
    try:
        path = Path(snapshot_download(repo, revision=revision, allow_patterns=NEEDED))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise HubError(
            f"{repo} at {revision}: {type(error).__name__}; it is no folder here, and this machine "
            f"cannot have it from the hub. Elsewhere: `hf download {repo} --revision {revision}`; "
            "then set base.repo to the folder that it names"
        ) from error
    return Snapshot(path, path.name)
