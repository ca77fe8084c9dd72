"""Files of a data set on the Hugging Face hub, at one commit, with the hub's hashes.

huggingface_hub lists files, hashes and addresses and checks access. `WebFile` downloads: after a
kill, huggingface_hub 2.4 starts again from zero (`_download_to_tmp_and_move`), and these archives
have gigabytes.
"""

import logging
from typing import NamedTuple

import httpx2
from huggingface_hub import DatasetInfo, HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling

from vqathinker.acquisition.checksum import Checksum
from vqathinker.acquisition.errors import OriginError, TransferError, TransientError
from vqathinker.acquisition.retry import READ_TIMEOUT_S, RetryPolicy, retry
from vqathinker.acquisition.safe_path import safe_path
from vqathinker.acquisition.secret import Secret
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
        policy: of retries.
        token_variable: environment variable with a token, if any.

    Returns:
        The commit, and its files by their safe path.

    Raises:
        OriginError: no such repository or revision, no access, or the hub cannot be reached.
        UnsafeError: a path leads out of the repository.
    """
    page = f"{constants.ENDPOINT}/datasets/{name}"

    def attempt() -> DatasetInfo:
        token = Secret.from_environment(token_variable)
        try:
            return HfApi(endpoint=constants.ENDPOINT).dataset_info(
                name,
                revision=revision,
                files_metadata=True,
                timeout=READ_TIMEOUT_S,
                token=False if token is None else token.reveal(),
            )
        except (httpx2.TransportError, HfHubHTTPError, OfflineModeIsEnabled) as error:
            failure = _to_transfer_error(error, page, token_variable)
        raise failure  # here without a context, which would keep frames with the token

    info = retry(attempt, policy)
    commit, siblings = info.sha or "", info.siblings or []
    if not commit or (len(revision) == 40 and commit != revision):
        raise OriginError(f"{page}: asked for {revision}, the hub answers for {commit}")
    _log.info("%s at %s: %d files", page, commit[:7], len(siblings))
    return commit, {
        str(safe_path(file.rfilename)): _to_hub_file(name, commit, page, file, token_variable)
        for file in siblings
    }


def _to_hub_file(
    name: str, commit: str, page: str, file: RepoSibling, token_variable: str | None
) -> HubFile:
    if file.size is None or (file.lfs is None and file.blob_id is None):
        raise OriginError(f"{page}: the hub gives no size or no hash of {file.rfilename}")
    if file.lfs is not None:
        checksum = Checksum("sha256", file.lfs.sha256, "the hub")
    else:
        checksum = Checksum("git-sha1", str(file.blob_id), "the hub")
    url = hf_hub_url(
        name, file.rfilename, repo_type="dataset", revision=commit, endpoint=constants.ENDPOINT
    )
    return HubFile(file.size, checksum, WebFile(Address(url), token_variable, page))


def _to_transfer_error(error: Exception, page: str, token_variable: str | None) -> TransferError:
    if isinstance(error, httpx2.TransportError):
        return TransientError(f"{page}: cannot be reached: {type(error).__name__}")
    if isinstance(error, OfflineModeIsEnabled):
        return OriginError(f"{page}: HF_HUB_OFFLINE is set")
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if status in (408, 429) or status >= 500:
        return TransientError(f"{page}: answers {status}")
    if isinstance(error, RevisionNotFoundError):
        return OriginError(f"{page}: no such commit")
    if isinstance(error, GatedRepoError | RepositoryNotFoundError):
        state = "set" if Secret.from_environment(token_variable) else "not set"
        hint = "" if token_variable is None else f" (${token_variable} is {state})"
        return OriginError(
            f"{page}: does not exist, or you have no access: accept the terms on the page and put "
            f"your token into the environment{hint}"
        )
    return OriginError(f"{page}: answers {status}")
