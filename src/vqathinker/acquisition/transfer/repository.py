"""A repository of the Hugging Face hub: where it is, who may read it, and at which commit.

A branch would be another set tomorrow, so everything is asked for at a commit. Where a card knows
none, the head of a branch is looked up once and noted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import httpx2
import numpy as np
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from vqathinker.acquisition.transfer.disk import disk_full
from vqathinker.acquisition.transfer.failure import OriginError, PassingError, TransferError
from vqathinker.acquisition.transfer.patience import Patience, persist
from vqathinker.acquisition.transfer.secret import Secret
from vqathinker.acquisition.transfer.shield import shielded

__all__ = ["HubRepository", "explain", "head_of"]

# Stands for the commit as long as nobody knows it.
_UNKNOWN = "0" * 40


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
    def secret(self) -> Secret | None:
        """The token, when the environment holds one."""
        return None if self.token_variable is None else Secret.from_environment(self.token_variable)

    def __str__(self) -> str:
        at = "" if self.revision == _UNKNOWN else f" at {self.revision[:7]}"
        return f"{self.page}{at}"


def head_of(
    name: str,
    branch: str,
    patience: Patience,
    rng: np.random.Generator,
    sleep: Callable[[float], None],
    *,
    token_variable: str | None = None,
) -> str:
    """Look up the commit that a branch of a data set's repository points to now.

    Raises:
        OriginError: no such repository or branch, no access, or the hub cannot be reached.
    """
    where = HubRepository(name, _UNKNOWN, token_variable=token_variable)
    found: list[str | None] = []

    def look() -> None:
        token = False if where.secret is None else where.secret.reveal()
        info = HfApi(endpoint=constants.ENDPOINT).dataset_info(
            name, revision=branch, timeout=patience.read_timeout_s, token=token
        )
        found[:] = [info.sha]

    def ask() -> None:
        shielded(look, partial(explain, where=where, folder=None))

    persist(ask, lambda: 0, patience, rng, sleep)
    if not found[0]:
        raise OriginError(f"{where.page}: the hub names no commit of the branch {branch}")
    return found[0]


def explain(error: Exception, where: HubRepository, folder: Path | None) -> TransferError | None:
    """Turn an error of huggingface_hub into one of ours; None for one that it does not know.

    Args:
        error: as it came.
        where: what was asked for.
        folder: that was written to; None when nothing was.
    """
    if isinstance(error, httpx2.TransportError):
        return PassingError(f"{where}: cannot be reached: {type(error).__name__}")
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (408, 429) or status >= 500:
            return PassingError(f"{where}: answers {status}")
        return OriginError(f"{where}: {_refusal(error, where)}")
    if isinstance(error, OfflineModeIsEnabled):
        return OriginError(f"{where}: HF_HUB_OFFLINE is set")
    if isinstance(error, OSError) and folder is not None:
        return disk_full(error, folder, None)
    return None


def _refusal(error: HfHubHTTPError, where: HubRepository) -> str:
    if isinstance(error, RevisionNotFoundError):
        return "no such commit"
    if isinstance(error, GatedRepoError | RepositoryNotFoundError):
        variable = where.token_variable
        state = "not set" if where.secret is None else "set"
        token = "" if variable is None else f" (${variable} is {state})"
        return (
            "not there, or not for you: accept its terms on the page and put a token of yours "
            f"into the environment{token}"
        )
    return f"answers {error.response.status_code}"
