"""A repository of the Hugging Face hub: where it is, who may read it, and at which commit.

A branch would be another set tomorrow, so everything is asked for at a commit. Where a card knows
none, the head of a branch is looked up once and noted.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import httpx2
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.disk import disk_full_error
from vqathinker.acquisition.transfer.errors import OriginError, TransferError, TransientError
from vqathinker.acquisition.transfer.redaction import redacted_call
from vqathinker.acquisition.transfer.retry import retry
from vqathinker.acquisition.transfer.secret import Secret

__all__ = ["HubRepository", "branch_head", "translate_hub_error"]

# Stands for the commit as long as nobody knows it.
_UNKNOWN_COMMIT = "0" * 40


@dataclass(frozen=True)
class HubRepository:
    """A repository at one commit.

    Args:
        name: owner/name.
        revision: commit, 40 hexadecimal digits: a branch would be another set tomorrow.
        kind: what it is on the hub.
        token_variable: environment variable that holds a token; None asks without one.
        endpoint: address of the hub; None as HF_ENDPOINT says, else huggingface.co.

    Raises:
        ValueError: the revision is no commit.
    """

    name: str
    revision: str
    kind: Literal["dataset", "model"] = "dataset"
    token_variable: str | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        if len(self.revision) != 40 or set(self.revision) - set("0123456789abcdef"):
            raise ValueError(
                f"{self.name}: revision {self.revision!r}, expected a commit of 40 hexadecimal "
                "digits, as the page of the repository shows it under History"
            )

    @property
    def page(self) -> str:
        """Where a human reads about it and accepts its terms."""
        folder = "datasets/" if self.kind == "dataset" else ""
        return f"{self.endpoint or constants.ENDPOINT}/{folder}{self.name}"

    @property
    def token(self) -> Secret | None:
        """The token, when the environment holds one."""
        return None if self.token_variable is None else Secret.from_environment(self.token_variable)

    def __str__(self) -> str:
        at = "" if self.revision == _UNKNOWN_COMMIT else f" at {self.revision[:7]}"
        return f"{self.page}{at}"


def branch_head(
    name: str, branch: str, context: DownloadContext, *, token_variable: str | None = None
) -> str:
    """Look up the commit that a branch of a data set's repository points to now.

    Raises:
        OriginError: no such repository or branch, no access, or the hub cannot be reached.
    """
    repository = HubRepository(name, _UNKNOWN_COMMIT, token_variable=token_variable)

    def request() -> str | None:
        token = False if repository.token is None else repository.token.reveal()
        info = HfApi(endpoint=constants.ENDPOINT).dataset_info(
            name, revision=branch, timeout=context.policy.read_timeout_s, token=token
        )
        return info.sha

    translate = partial(translate_hub_error, repository=repository, folder=None)
    attempt = partial(redacted_call, request, translate)
    commit = retry(attempt, lambda: 0, context.policy, context.rng, context.clock.sleep)
    if not commit:
        raise OriginError(f"{repository.page}: the hub names no commit of the branch {branch}")
    return commit


def translate_hub_error(
    error: Exception, repository: HubRepository, folder: Path | None
) -> TransferError | None:
    """Turn an error of huggingface_hub into one of ours; None for one that it does not know.

    Args:
        error: as it came.
        repository: what was asked for.
        folder: that was written to; None when nothing was.
    """
    if isinstance(error, httpx2.TransportError):
        return TransientError(f"{repository}: cannot be reached: {type(error).__name__}")
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (408, 429) or status >= 500:
            return TransientError(f"{repository}: answers {status}")
        return OriginError(f"{repository}: {_refusal_reason(error, repository)}")
    if isinstance(error, OfflineModeIsEnabled):
        return OriginError(f"{repository}: HF_HUB_OFFLINE is set")
    if isinstance(error, OSError) and folder is not None:
        return disk_full_error(error, folder, None)
    return None


def _refusal_reason(error: HfHubHTTPError, repository: HubRepository) -> str:
    if isinstance(error, RevisionNotFoundError):
        return "no such commit"
    if isinstance(error, GatedRepoError | RepositoryNotFoundError):
        variable = repository.token_variable
        state = "not set" if repository.token is None else "set"
        hint = "" if variable is None else f" (${variable} is {state})"
        return (
            "not there, or not for you: accept its terms on the page and put a token of yours "
            f"into the environment{hint}"
        )
    return f"answers {error.response.status_code}"
