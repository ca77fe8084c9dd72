"""Public weights: loaded by path or URL, checked by hash, never unpickled."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vqathinker.errors import InputError
from vqathinker.policy.motion.slowfast import SlowFastR50, fetch_weights, load_weights

FIRST = "blocks.0.multipathway_blocks.0.conv.weight"
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """The content of pytorchvideo's file: with classifier, all values 0.5."""
    own = {name: torch.full_like(v, 0.5) for name, v in SlowFastR50().state_dict().items()}
    return own | {
        "blocks.6.proj.weight": torch.ones(400, 2304),
        "blocks.6.proj.bias": torch.ones(400),
    }


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch's download folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "torch" / "hub" / "checkpoints"


def write(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_encoder_loads_all_tensors(tmp_path: Path, state: State) -> None:
    fewer = {name: v for name, v in state.items() if not name.endswith("num_batches_tracked")}
    encoder = SlowFastR50()
    load_weights(encoder, write(tmp_path / "sf.pyth", {"model_state": fewer}))
    for name, value in encoder.state_dict().items():
        wanted = 0 if name.endswith("num_batches_tracked") else 0.5
        assert torch.equal(value, torch.full_like(value, wanted)), name
    assert not list(encoder.parameters())


def test_unexpected_tensors_are_named(tmp_path: Path, state: State) -> None:
    incomplete = {name: value for name, value in state.items() if name != FIRST}
    path = write(tmp_path / "sf.pyth", {"model_state": incomplete | {"blocks.7.x": torch.ones(1)}})
    with pytest.raises(InputError) as caught:
        load_weights(SlowFastR50(), path)
    for named in (path, f"{FIRST}: missing", "blocks.7.x: not expected"):
        assert str(named) in str(caught.value)


class Trap:
    """Creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("sprung"),))


@pytest.mark.parametrize("write_it", [torch.save, lambda c, p: p.write_bytes(pickle.dumps(c, 2))])
def test_code_in_a_file_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_it: Callable[[Any, Path], Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_it({"model_state": Trap()}, tmp_path / "sf.pyth")
    with pytest.raises(InputError, match=r"sf\.pyth"):
        load_weights(SlowFastR50(), tmp_path / "sf.pyth")
    assert not Path("sprung").exists()


def test_url_is_downloaded_once(tmp_path: Path, hub: Path) -> None:
    origin = write(tmp_path / "SLOWFAST.pyth", {"model_state": torch.zeros(1)})
    got = fetch_weights(origin.as_uri(), sha256(origin))
    assert got[0] == hub / "SLOWFAST.pyth"
    origin.unlink()
    assert fetch_weights(origin.as_uri(), None) == got


def test_other_hash_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "sf.pyth", {})
    with pytest.raises(InputError, match=rf"{sha256(path)}.*{64 * '0'}"):
        fetch_weights(str(path), 64 * "0")


def test_missing_file_is_named(tmp_path: Path, hub: Path) -> None:
    with pytest.raises(InputError, match=r"sf\.pyth"):
        fetch_weights(str(tmp_path / "sf.pyth"), None)
    with pytest.raises(InputError, match=r"file://.*sf\.pyth"):
        fetch_weights((tmp_path / "sf.pyth").as_uri(), None)
    assert not list(hub.iterdir())
