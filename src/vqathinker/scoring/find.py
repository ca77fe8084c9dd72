"""Which policy a name means: a folder, a run of the project, a repository of the hub.

Source of the authors' weights: `runs.released` of params.yaml.
"""

from pathlib import Path

from vqathinker.errors import InputError

__all__ = ["DEFAULT", "find_policy"]

DEFAULT = Path("models/demo/grpo/policy")  # what `make demo` trains


def find_policy(policy: str | Path | None = None) -> Path:
    """The folder of a policy.

    Args:
        policy: a policy's folder; or the name of a run of the project in this folder, as `grpo` or
            `demo/grpo`; or of a base policy. None: the one that `make demo` trains.

    Raises:
        InputError: there is none, with what to do.
    """
    if policy is None:
        if DEFAULT.is_dir():
            return DEFAULT
        raise InputError(
            f"{DEFAULT}: no such folder, and no policy was named: run `make demo` here first, or "
            "name one: a policy's folder, or `authors` for the released weights (16 GB)"
        )
    if Path(policy).is_dir():
        return Path(policy)
    raise InputError(f"{policy}: no such policy's folder")
