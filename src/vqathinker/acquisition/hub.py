"""List the files of a data set on the Hugging Face hub, at one commit, with the hub's hashes.

huggingface_hub lists files, hashes and addresses and checks access. `WebFile` downloads them,
because huggingface_hub 2.4 restarts an interrupted download from zero (`_download_to_tmp_and_move`)
and these archives have gigabytes.
"""

import logging
from typing import NamedTuple

import httpx2
from huggingface_hub import DatasetInfo, HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from vqathinker.acquisition.checksum import Checksum
from vqathinker.acquisition.errors import (
    READ_TIMEOUT_S,
    OriginError,
    RetryPolicy,
    TransferError,
    TransientError,
    retry,
)
from vqathinker.acquisition.secret import read_secret
from vqathinker.acquisition.web import Address, WebFile

_log = logging.getLogger(__name__)


class HubFile(NamedTuple):
    """Size in bytes, checksum and origin of a file."""

    size: int
    checksum: Checksum
    origin: WebFile


def list_hub_files(
    name: str, revision: str, policy: RetryPolicy, token_variable: str | None = None
) -> tuple[str, dict[str, HubFile]]:
    """List the files in the repository of a data set.

    Args:
        name: owner/name.
        revision: commit or branch.
        policy: when to retry.
        token_variable: environment variable with a token, if any.

    Returns:
        The commit, and its files by path.

    Raises:
        OriginError: no such repository or revision, no access, or the hub cannot be reached.
    """
    page = f"{constants.ENDPOINT}/datasets/{name}"

    def attempt() -> DatasetInfo:
        token = read_secret(token_variable)
        try:
            return HfApi(endpoint=constants.ENDPOINT).dataset_info(
                name,
                revision=revision,
                files_metadata=True,
                timeout=READ_TIMEOUT_S,
                token=False if token is None else token.get_secret_value(),
            )
        except (httpx2.TransportError, HfHubHTTPError, OfflineModeIsEnabled) as error:
            raise _to_transfer_error(error, page, token_variable) from None

    info = retry(attempt, policy)
    commit, files = info.sha or revision, {}
    for file in info.siblings or []:
        if file.lfs is not None:
            checksum = Checksum("sha256", file.lfs.sha256, "the hub")
        else:
            checksum = Checksum("git-sha1", str(file.blob_id), "the hub")
        url = hf_hub_url(
            name, file.rfilename, repo_type="dataset", revision=commit, endpoint=constants.ENDPOINT
        )
        origin = WebFile(Address(url), token_variable, page)
        files[file.rfilename] = HubFile(file.size or 0, checksum, origin)
    _log.info("%s at %s: %d files", page, commit[:7], len(files))
    return commit, files


def _to_transfer_error(error: Exception, page: str, token_variable: str | None) -> TransferError:
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if isinstance(error, httpx2.TransportError) or status in (408, 429) or status >= 500:
        return TransientError(f"{page}: cannot be reached: {type(error).__name__} {status or ''}")
    if isinstance(error, RepositoryNotFoundError):  # GatedRepoError is one
        state = "set" if read_secret(token_variable) else "not set"
        hint = "" if token_variable is None else f" (${token_variable} is {state})"
        return OriginError(
            f"{page}: does not exist, or you have no access. Accept the terms on the page and put "
            f"your token into the environment{hint}"
        )
    return OriginError(f"{page}: {error}")
