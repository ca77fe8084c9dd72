"""Files of stages that DVC would skip get the time of the job keys after `dvc pull`."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vqathinker.phases.dvc_pull import reset_pulled_times, skipped_stages
from vqathinker.phases.keys import key_path
from vqathinker.phases.parameters import resolve

STAGES = {"data": {"outs": [{"path": "data", "md5": "d"}]}}
SKIPPED, RUN = "Stage '{}' didn't change, skipping", "Running stage '{}':\n> snakemake"


@pytest.mark.parametrize(
    ("stages", "skipped"),
    [
        ({"keys": SKIPPED, "data": SKIPPED, "train": SKIPPED}, ["data", "train"]),
        ({"keys": RUN, "data": SKIPPED, "train": SKIPPED}, ["data", "train"]),
        ({"keys": SKIPPED, "data": SKIPPED, "train": RUN, "report": SKIPPED}, ["data"]),
        ({"keys": RUN, "data": RUN, "train": SKIPPED}, []),
    ],
)
def test_stages_after_one_that_runs_are_not_up_to_date(stages, skipped):
    output = "\n".join(text.format(name) for name, text in stages.items())
    assert skipped_stages(output) == skipped


@pytest.fixture
def times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> list[Path]:
    """After a pull of the stage `data`: an output, another file, and a job key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    program = tmp_path / "dvc"
    program.write_text(
        "#!/bin/sh\necho asked >> asked.txt\necho \"Stage 'data' didn't change, skipping\"\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    Path("params.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": STAGES}))
    files = [Path("data/mine/manifest.parquet"), Path("data/mine/source/a.mp4"),
             key_path("demo", "decode")]  # fmt: skip
    for time, path in enumerate(files, start=1000):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time, time))
    return files


OUTPUTS = [re.compile(r"data/(?P<set>[^/]+)/manifest\.parquet$")]


def test_only_outputs_get_the_time_of_job_keys_and_only_once(times, config):
    output, other, key = times
    assert "dvc.lock: data" in reset_pulled_times(resolve(config), OUTPUTS)
    assert [path.stat().st_mtime for path in (output, other, key)] == [1002, 1001, 1002]
    assert reset_pulled_times(resolve(config), OUTPUTS) is None
    assert Path("asked.txt").read_text(encoding="utf-8") == "asked\n"


def test_overridden_parameters_change_no_times(times, config):
    """DVC knows only params.yaml, not `--config`."""
    assert reset_pulled_times(resolve({**config, "seed": 7}), OUTPUTS) is None
    assert times[0].stat().st_mtime == 1000
    assert not Path("asked.txt").exists()


def test_failure_of_dvc_is_reported(times, config):
    Path("dvc").write_text("#!/bin/sh\necho 'ERROR: locked' >&2\nexit 1\n", encoding="utf-8")
    assert "ERROR: locked" in reset_pulled_times(resolve(config), OUTPUTS)
    assert times[0].stat().st_mtime == 1000
