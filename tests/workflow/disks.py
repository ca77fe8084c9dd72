"""Real disks that take nothing: full, or to be read only, which holds for root, too."""

import subprocess
from pathlib import Path

import pytest
from tests.programs import program_or_skip

__all__ = ["on_disk"]

MOUNTS = {
    "full": 'mount -t tmpfs -o size=16k tmpfs "{0}" && dd if=/dev/zero of="{0}/fill" bs=1k',
    "read-only": 'mount --bind "{0}" "{0}" && mount -o remount,ro,bind "{0}" && cd .',
}


def on_disk(kind: str, folder: Path) -> list[str]:
    """What comes before a command for `folder` to be such a disk, for it alone.

    Behind the command's output stand a line `left:` and what is in the folder.
    """
    mount = MOUNTS[kind].format(folder)
    script = f'({mount}) 2> /dev/null; "$@"; code=$?; echo left: $(ls -A "{folder}"); exit $code'
    prefix = [program_or_skip("unshare"), "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*prefix, "mount -t tmpfs tmpfs /mnt"], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        pytest.skip("this machine lets no test mount a disk of its own")
    return [*prefix, script, "sh"]
