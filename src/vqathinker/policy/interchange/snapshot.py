"""Download a repository of the hub, without code and without pickles.

Does not import torch, which has to be imported after `policy.machine.cap_kernels`.
"""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from vqathinker.errors import InputError

DOWNLOAD_PATTERNS = ["*.safetensors", "*.json", "*.txt"]


def snapshot(repo: str, revision: str) -> tuple[Path, str | None]:
    """The folder with the files of `repo` (owner/name on the hub), and their commit.

    `repo` may also be a local folder, whose commit is None.

    Raises:
        InputError: the repository cannot be downloaded.
    """
    if Path(repo).is_dir():
        return Path(repo), None
    try:
        path = Path(snapshot_download(repo, revision=revision, allow_patterns=DOWNLOAD_PATTERNS))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise InputError(
            f"{repo} at {revision}: {type(error).__name__}; expected a local folder, or a "
            f"repository that this machine can download from the hub: run `hf download {repo} "
            f"--revision {revision}` elsewhere, copy the folder, and set base.repo to it"
        ) from error
    return path, path.name
