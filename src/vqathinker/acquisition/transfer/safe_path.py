"""Names that come from elsewhere, as paths below a folder of ours and nowhere else."""

from pathlib import PurePosixPath

from vqathinker.acquisition.transfer.errors import UnsafeError

__all__ = ["safe_path"]


def safe_path(name: str) -> PurePosixPath:
    """Path below a folder.

    Args:
        name: as an archive or a repository has it.

    Raises:
        UnsafeError: it is no plain relative path; the message shows it escaped.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    reasons = {
        "an absolute path": name.startswith("/"),
        "leads upwards": ".." in parts,
        "a drive of Windows": len(name) > 1 and name[1] == ":" and name[0].isalpha(),
        "a backslash, which is a folder on Windows": "\\" in name,
        "a character that cannot be printed": not name.isprintable(),
        "too long": any(len(part.encode(errors="replace")) > 255 for part in parts),
        "no name at all": not parts,
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if found:
        raise UnsafeError(f"holds {name[:200]!r}: {found[0]}")
    return PurePosixPath(*parts)
