"""Base policies from policy folders and from checkpoints in the authors' layout."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import InternVLVisionConfig, Qwen2Config

from vqathinker.errors import InputError
from vqathinker.params import OriginalBaseParams, PolicyBaseParams
from vqathinker.params.base import RELEASED
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.folder.checkpoint import load_policy, save_policy
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.policy.folder.shards import Shards
from vqathinker.policy.interchange.bases import prepare_original_base, prepare_policy_base
from vqathinker.policy.interchange.original import export_original
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.scoring.load import find_policy
from vqathinker.scoring.loaded_policy import LoadedPolicy

WEIGHTS = "model.safetensors"
Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Iterator[Path]:
    """A small policy with SlowFast."""
    tokenizer = load_policy(tiny_base).tokenizer
    config = VQAThinkerConfig(
        motion={"encoder": "slowfast_r50"}, setting="12x560",
        vision_config=InternVLVisionConfig(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48,
            attention_bias=True,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, intermediate_size=48,
        ),
        image_token_id=load_policy(tiny_base).model.config.image_token_id,
        downsample_ratio=0.5, tie_word_embeddings=False,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("ours") / "policy"
    torch.manual_seed(1)
    save_policy(VQAThinkerForConditionalGeneration(config), tokenizer, folder, "", {"by": "test"})
    yield folder
    shutil.rmtree(folder.parent)  # 300 MB


@pytest.fixture(scope="module")
def theirs(ours: Path) -> Path:
    """The same in the authors' layout."""
    export_original(ours, ours.parent / "theirs")
    return ours.parent / "theirs"


@pytest.fixture
def saved_as(tmp_path: Path, theirs: Path) -> Iterator[Callable[..., Path]]:
    """saved_as(change): a copy of that checkpoint with tensors changed by `change`."""
    folder = tmp_path / "checkpoint"

    def write(change: Callable[[Tensors], Tensors]) -> Path:
        shutil.copytree(theirs, folder)
        save_file(change(load_file(theirs / WEIGHTS)), folder / WEIGHTS, metadata={"format": "pt"})
        return folder

    yield write
    shutil.rmtree(tmp_path)


def without_motion(tensors: Tensors) -> Tensors:
    return {name: t for name, t in tensors.items() if not name.startswith("slowfast_model.")}


def original(repo: Path | str, motion: Path | None = None, **changes: Any) -> OriginalBaseParams:
    slowfast = {"encoder": "slowfast_r50", "weights": str(motion), "sha256": None}
    given = {"name": "released", "kind": "original", "repo": str(repo), "revision": "main"}
    return OriginalBaseParams.model_validate(
        {**given, "motion": slowfast if motion else None, **changes}
    )


def policy_base(repo: Path | str) -> PolicyBaseParams:
    return PolicyBaseParams(name="mine", kind="policy", repo=str(repo), revision="main")


def assert_same_tensors(one: Path, other: Path) -> None:
    before, after = Shards(one), Shards(other)
    assert (after.shapes, after.dtypes) == (before.shapes, before.dtypes)
    assert [n for n in before if not torch.equal(after[n](), before[n]())] == []


def test_authors_checkpoint_becomes_a_base(tmp_path: Path, ours: Path, theirs: Path) -> None:
    """Its own SlowFast takes precedence over the file in the parameters."""
    prepare_original_base(original(theirs, tmp_path / "not there"), tmp_path / "base")
    assert_same_tensors(ours, tmp_path / "base")
    record = load_policy(tmp_path / "base").provenance
    assert (record["source"], record["commit"]) == (str(theirs), None)
    sha256 = hashlib.sha256((theirs / WEIGHTS).read_bytes()).hexdigest()
    assert record["sha256"][WEIGHTS] == sha256
    assert record["params"]["revision"] == "main"
    assert "slowfast_sha256" not in record
    shutil.rmtree(tmp_path)


def test_authors_weights_are_imported_once_for_scoring(
    tmp_path: Path, ours: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = []

    def snapshot(repo: str, *, revision: str, allow_patterns: list[str]) -> str:
        downloads.append((repo, revision))
        return str(theirs)

    monkeypatch.setattr("vqathinker.policy.interchange.snapshot.snapshot_download", snapshot)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = find_policy("authors")
    assert set(downloads) == {(RELEASED, "main")}
    downloads.clear()
    assert find_policy("authors") == folder
    assert downloads == []
    assert folder.is_relative_to(tmp_path / "vqathinker")
    assert_same_tensors(ours, folder)
    about = LoadedPolicy(folder, "cpu").metadata()
    assert (about["trained_on"], about["setting"], about["scale"]) == (
        "lsvq_train",
        "12x560",
        [0, 5],
    )
    shutil.rmtree(tmp_path)


def test_checkpoint_without_slowfast_uses_the_given_file(
    tmp_path: Path, ours: Path, saved_as: Callable[..., Path]
) -> None:
    encoder = load_policy(ours).model.model.motion_encoder
    torch.save({"model_state": encoder.state_dict()}, tmp_path / "slowfast.pyth")
    source = saved_as(without_motion)
    prepare_original_base(original(source, tmp_path / "slowfast.pyth"), tmp_path / "base")
    assert_same_tensors(ours, tmp_path / "base")
    sha256 = hashlib.sha256((tmp_path / "slowfast.pyth").read_bytes()).hexdigest()
    assert load_policy(tmp_path / "base").provenance["slowfast_sha256"] == sha256
    with pytest.raises(InputError, match=r"base\.motion\.weights"):
        prepare_original_base(original(source), tmp_path / "again")


HEAD = "language_model.lm_head.weight"


def test_other_tensor_names_are_listed(tmp_path: Path, saved_as: Callable[..., Path]) -> None:
    renamed = saved_as(lambda tensors: {f"module.{HEAD}": tensors.pop(HEAD), **tensors})
    with pytest.raises(InputError) as caught:
        prepare_original_base(original(renamed), tmp_path / "base")
    for named in (renamed, f"{HEAD}: missing", f"module.{HEAD}: not exp"):
        assert str(named) in str(caught.value)
    assert not (tmp_path / "base").exists()


def test_policy_folder_is_copied_with_its_provenance(tmp_path: Path, tiny_base: Path) -> None:
    prepare_policy_base(policy_base(tiny_base), tmp_path / "base")
    policy, before = load_policy(tmp_path / "base"), load_policy(tiny_base)
    assert policy.provenance["policy"] == policy_hash(tiny_base) == before.provenance["policy"]
    assert policy.provenance["source_provenance"] == before.provenance
    assert policy.provenance["source"] == str(tiny_base)


def test_policy_folder_that_differs_from_its_record_is_an_error(
    tmp_path: Path, tiny_base: Path
) -> None:
    folder = shutil.copytree(tiny_base, tmp_path / "changed")
    tensors = load_file(folder / WEIGHTS)
    name = next(iter(tensors))
    tensors[name] = tensors[name] + 1
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"provenance\.json"):
        prepare_policy_base(policy_base(folder), tmp_path / "base")
    save_file({**tensors, "extra": torch.ones(1)}, folder / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(InputError, match="extra: not expected"):
        prepare_policy_base(policy_base(folder), tmp_path / "base")
    assert not (tmp_path / "base").exists()
