"""Files of a repository on the Hugging Face hub, at one commit, with the hub's own hashes.

huggingface_hub says which files there are, their hashes and addresses, and who may read them. Their
bytes come by `WebFile`: huggingface_hub 2.4 begins anew after a kill, each time under another name
(`_download_to_tmp_and_move`), and these archives have gigabytes. Only files above the hub's own
limit for plain HTTP (50 GB) are left to it and its Xet client.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
from huggingface_hub.hf_api import RepoSibling

from vqathinker.acquisition.transfer.address import Address
from vqathinker.acquisition.transfer.checksum import Checksum
from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.disk import require_space
from vqathinker.acquisition.transfer.errors import OriginError
from vqathinker.acquisition.transfer.partial import PartialFile
from vqathinker.acquisition.transfer.progress import ReportProgress
from vqathinker.acquisition.transfer.redaction import redacted_call
from vqathinker.acquisition.transfer.repository import HubRepository, translate_hub_error
from vqathinker.acquisition.transfer.retry import retry
from vqathinker.acquisition.transfer.safe_path import safe_path
from vqathinker.acquisition.transfer.web import WebFile

__all__ = ["HubFile", "LargeHubFile", "list_hub_files"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LargeHubFile:
    """A file too large for plain HTTP; resumes by what the Xet client keeps, if anything."""

    repository: HubRepository
    path: str

    def fetch(self, part: PartialFile, context: DownloadContext, report: ReportProgress) -> None:
        """Bring `part` to its end; see `WebFile.fetch`. Progress is shown by huggingface_hub."""
        del context, report
        require_space(part.path, part.expected.size or 0)
        part.restart(str(self), None, part.expected.size)
        download_folder = part.path.with_name(f"{part.path.name}.hub")
        whole = redacted_call(
            lambda: self._download(download_folder),
            partial(translate_hub_error, repository=self.repository, folder=download_folder.parent),
        )
        part.replace_with(whole)
        shutil.rmtree(download_folder)

    def __str__(self) -> str:
        return f"{self.repository}: {self.path}"

    def _download(self, download_folder: Path) -> Path:
        repository = self.repository
        return Path(
            hf_hub_download(
                repository.name,
                self.path,
                repo_type=repository.kind,
                revision=repository.revision,
                endpoint=repository.endpoint,
                local_dir=download_folder,
                token=False if repository.token is None else repository.token.reveal(),
            )
        )


@dataclass(frozen=True)
class HubFile:
    """What the hub says of a file.

    Args:
        path: inside the repository; safe to write below a folder.
        size: bytes.
        checksum: SHA-256 of a file in LFS or Xet, git's id of a small one.
        origin: gets it.
    """

    path: str
    size: int
    checksum: Checksum
    origin: WebFile | LargeHubFile


def list_hub_files(
    repository: HubRepository, context: DownloadContext, *, allow: Sequence[str] = ("*",)
) -> list[HubFile]:
    """Ask which files a repository has at its commit, sorted by path.

    Args:
        allow: patterns as of fnmatch; only files that fit one are listed, and `*` fits `/` too.

    Raises:
        OriginError: no such repository or commit, no access, no file fits, or the hub cannot be
            reached.
        UnsafeError: a path leads out of the repository.
    """
    request = partial(_request_listing, repository, context.policy.read_timeout_s)
    translate = partial(translate_hub_error, repository=repository, folder=None)
    attempt = partial(redacted_call, request, translate)
    found = retry(attempt, lambda: 0, context.policy, context.rng, context.clock.sleep)
    files = [
        _to_hub_file(repository, file)
        for file in sorted(found, key=lambda file: file.rfilename)
        if any(fnmatchcase(file.rfilename, pattern) for pattern in allow)
    ]
    if not files:
        raise OriginError(f"{repository}: no file fits {', '.join(allow)}")
    _log.info("%s: %d files, %d of them wanted", repository, len(found), len(files))
    return files


def _request_listing(repository: HubRepository, timeout_s: float) -> list[RepoSibling]:
    api = HfApi(endpoint=repository.endpoint)
    get_info = api.dataset_info if repository.kind == "dataset" else api.model_info
    info = get_info(
        repository.name,
        revision=repository.revision,
        files_metadata=True,
        timeout=timeout_s,
        token=False if repository.token is None else repository.token.reveal(),
    )
    if info.sha != repository.revision:
        raise OriginError(f"{repository}: the hub answers for the commit {info.sha}")
    return info.siblings or []


def _to_hub_file(repository: HubRepository, file: RepoSibling) -> HubFile:
    path, size = str(safe_path(file.rfilename)), file.size
    if size is None or (file.lfs is None and file.blob_id is None):
        raise OriginError(f"{repository}: the hub does not tell size and hash of {path}")
    if file.lfs is not None:
        checksum = Checksum("sha256", file.lfs.sha256, "the hub")
    else:
        checksum = Checksum("git-sha1", str(file.blob_id), "the hub")
    if size > constants.MAX_HTTP_DOWNLOAD_SIZE:
        return HubFile(path, size, checksum, LargeHubFile(repository, path))
    url = hf_hub_url(
        repository.name,
        path,
        repo_type=repository.kind,
        revision=repository.revision,
        endpoint=repository.endpoint,
    )
    origin = WebFile(Address(url), repository.token_variable, repository.page)
    return HubFile(path, size, checksum, origin)
