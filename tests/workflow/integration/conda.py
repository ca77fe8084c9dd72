"""A real conda with a local channel in place of conda-forge.

Conda is unpacked from the package conda-lock, which vendors it. The channel has two packages, with
the names and versions that envs/*.yaml require: the Python of these tests, and pip. Environments
get all other packages from pip, as usual.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

CONDA = "conda-lock==4.0.3"  # with conda 24.7.1
# Packages that this conda imports.
REQUIREMENTS = (
    *("archspec", "boltons", "conda-package-handling", "distro", "frozendict", "platformdirs"),
    *(
        "packaging",
        "pluggy",
        "pycosat",
        "requests",
        "ruamel.yaml",
        "setuptools<81",
        "tqdm",
        "truststore",
        "zstandard",
    ),
)
VENDORED = "conda_lock._vendor."
ACTIVATE = 'eval "$("$(dirname "${BASH_SOURCE[0]}")/conda" shell.posix activate "$@")"\n'
# Conda starts processes that import its main script; they must not run it again.
MAIN = """#!{python}
import sys

from conda.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""
# Parts of the standard library that environments do not need.
EXCLUDED = {"test", "idlelib", "turtledemo", "tkinter", "ensurepip", "lib2to3", "site-packages"}
PYTHON = "{}.{}".format(*sys.version_info)
Files = dict[str, tuple[bytes, int] | str]


def make_conda(prefix: Path) -> Path:
    """Install conda in a new folder, with the local channel only; return its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", str(prefix)], check=True)
    pip = [str(prefix / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *REQUIREMENTS, "pip==25.*"], check=True)
    subprocess.run([*pip, "install", "--no-deps", CONDA], check=True)
    library = prefix / "lib" / f"python{PYTHON}" / "site-packages"
    shutil.copytree(library / "conda_lock" / "_vendor" / "conda", library / "conda")
    subprocess.run([*pip, "uninstall", "--yes", CONDA], check=True)
    for source in (library / "conda").rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        if VENDORED in text:
            source.write_text(text.replace(VENDORED, ""), encoding="utf-8")
    programs = prefix / "bin"
    program = programs / "conda"
    program.write_text(MAIN.format(python=programs / "python"), encoding="utf-8")
    program.chmod(0o755)
    (programs / "activate").write_text(ACTIVATE, encoding="utf-8")
    channels = prefix / "channels"
    make_channel(channels / "conda-forge", library / "pip")
    where = {"conda-forge": f"file://{channels}"}
    settings = {"channels": ["conda-forge"], "default_channels": [], "custom_channels": where}
    settings |= {"channel_priority": "strict", "solver": "classic"}
    (prefix / ".condarc").write_text(json.dumps(settings), encoding="utf-8")
    return programs


def make_channel(channel: Path, pip: Path) -> None:
    """Write the packages for linux-64 and noarch, and their indices."""
    version = "{}.{}.{}".format(*sys.version_info)
    linux = [pack(channel / "linux-64", "python", version, python_files())]
    files = files_below(pip.parent, [pip, *pip.parent.glob("pip-*.dist-info")], "site-packages")
    noarch = [pack(channel / "noarch", "pip", "25.0", files, noarch="python")]
    for folder, records in (("linux-64", linux), ("noarch", noarch)):
        content = {"info": {"subdir": folder}, "packages": dict(records), "packages.conda": {}}
        text = json.dumps(content | {"repodata_version": 1})
        (channel / folder / "repodata.json").write_text(text, encoding="utf-8")


def python_files() -> Files:
    """Python of these tests and its standard library."""
    home = Path(sys.base_prefix)
    library = home / "lib" / f"python{PYTHON}"
    program = home / "bin" / f"python{PYTHON}"
    files: Files = {f"bin/python{PYTHON}": (program.read_bytes(), 0o755)}
    files |= dict.fromkeys(("bin/python3", "bin/python"), f"python{PYTHON}")
    shared = sorted((home / "lib").glob(f"libpython{PYTHON}.so*"))
    kept = [path for path in library.iterdir() if path.name not in EXCLUDED]
    kept = [path for path in kept if not path.name.startswith("config-")]
    files |= files_below(home / "lib", shared, "lib")
    return files | files_below(library, kept, f"lib/python{PYTHON}")


def files_below(top: Path, paths: list[Path], where: str) -> Files:
    below = [path for each in paths for path in ([each] if each.is_file() else each.rglob("*"))]
    return {
        f"{where}/{path.relative_to(top)}": (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in below
        if path.is_file() and "__pycache__" not in path.parts
    }


def pack(
    folder: Path, name: str, version: str, files: Files, noarch: str | None = None
) -> tuple[str, dict[str, Any]]:
    """Write a package, and return its file name and its record in the index."""
    folder.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {"name": name, "version": version, "build": "0", "build_number": 0}
    record |= {"subdir": folder.name, "depends": [] if noarch is None else ["python"]}
    if noarch is not None:
        record["noarch"] = noarch
        link = {"noarch": {"type": noarch}, "package_metadata_version": 1}
        files = files | {"info/link.json": (json.dumps(link).encode(), 0o644)}
    path = folder / f"{name}-{version}-0.tar.bz2"
    listed = [path_record(name, content) for name, content in files.items() if name[:5] != "info/"]
    info = {"index": record, "paths": {"paths": listed, "paths_version": 1}, "about": {}}
    with tarfile.open(path, "w:bz2", compresslevel=1) as archive:
        for part, content in files.items():
            add(archive, part, content)
        for part, tree in info.items():
            add(archive, f"info/{part}.json", (json.dumps(tree).encode(), 0o644))
        add(archive, "info/files", ("\n".join(row["_path"] for row in listed).encode(), 0o644))
    content = path.read_bytes()
    sums = {"md5": hashlib.md5(content, usedforsecurity=False).hexdigest()}
    sums["sha256"] = hashlib.sha256(content).hexdigest()
    return path.name, record | sums | {"size": len(content)}


def path_record(name: str, content: tuple[bytes, int] | str) -> dict[str, Any]:
    linked = isinstance(content, str)
    data = b"" if linked else content[0]
    kind = "softlink" if linked else "hardlink"
    row = {"_path": name, "path_type": kind, "size_in_bytes": len(data)}
    return row | {"sha256": hashlib.sha256(data).hexdigest()}


def add(archive: tarfile.TarFile, name: str, content: tuple[bytes, int] | str) -> None:
    member = tarfile.TarInfo(name)
    if isinstance(content, str):
        member.type, member.linkname = tarfile.SYMTYPE, content
        archive.addfile(member)
        return
    member.size, member.mode = len(content[0]), content[1]
    archive.addfile(member, io.BytesIO(content[0]))


def conda_environment(programs: Path) -> dict[str, str]:
    """Environment variables with which Snakemake uses this conda, its settings and its packages."""
    prefix = programs.parent
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], str(programs)])
    packages = {"CONDA_PKGS_DIRS": str(prefix / "packages"), "CONDARC": str(prefix / ".condarc")}
    return {"PATH": path} | packages
