"""The authors' checkpoint layout: the same logits, and the same bits after export.

Golden values: `policy.json`, the authors' whole policy (clh124/VQAThinker at ee47a40) at a tiny
size: every name and shape of its checkpoint, and what it answers in both settings.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models
from torch import Tensor
from transformers import InternVLVisionConfig, PreTrainedTokenizerFast, Qwen2Config

from vqathinker.errors import InputError
from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.folder.checkpoint import Policy, load_policy, save_policy
from vqathinker.policy.folder.shards import Shards
from vqathinker.policy.interchange.original import export_original, import_original
from vqathinker.policy.interchange.original_layout import original_name
from vqathinker.policy.model import VQAThinkerForConditionalGeneration

Drawn = Callable[[str, Tensor], Tensor]

GOLDENS = Path(os.environ["VQATHINKER_GOLDENS"])
TOLERANCE = 1e-3  # relative to the standard deviation
# Prefixes of the tensors in each shard, in the order of the checkpoint.
SHARDS = (("vision_model.", "mlp1."), ("language_model.",), ("slowfast_model.",), ("motion_mlp.",))
EYE = "model-00001-of-00004.safetensors"


def golden() -> dict[str, Any]:
    return json.loads((GOLDENS / "policy.json").read_text(encoding="utf-8"))


def write_config(folder: Path) -> None:
    case, names = golden(), ("downsample_ratio", "ps_version", "select_layer")
    config = {
        "architectures": ["InternVLChatModel"],
        "auto_map": {"AutoModel": "modeling_internvl_chat.InternVLChatModel"},
        "model_type": "internvl_chat",
        **{name: case[name] for name in ("vision_config", "llm_config", *names)},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, draw: Drawn) -> Path:
    """The golden checkpoint in four shards, with a tokenizer of one word per id."""
    case = golden()
    folder = tmp_path_factory.mktemp("authors") / "checkpoint"
    folder.mkdir()
    where: dict[str, str] = {}
    for number, prefixes in enumerate(SHARDS, start=1):
        path = folder / f"model-{number:05d}-of-{len(SHARDS):05d}.safetensors"
        tensors = {
            name: draw(name, torch.empty(shape, dtype=dtype_of(name)))
            for name, shape in case["state_dict"].items()
            if name.startswith(prefixes)
        }
        save_file(tensors, path, metadata={"format": "pt"})
        where |= dict.fromkeys(tensors, path.name)
    assert where.keys() == case["state_dict"].keys()
    write_index(folder, where)
    write_config(folder)
    words = {f"w{i}": i for i in range(case["llm_config"]["vocab_size"])}
    words |= {"<IMG_CONTEXT>": words.pop(f"w{case['context_token_id']}")}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))  # noqa: S106
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


def dtype_of(name: str) -> torch.dtype:
    return torch.int64 if name.endswith("num_batches_tracked") else torch.float32


def write_index(folder: Path, where: dict[str, str]) -> None:
    content = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="module")
def imported(checkpoint: Path) -> Iterator[Path]:
    out = checkpoint.parent / "policy"
    import_original(checkpoint, out)
    yield out
    shutil.rmtree(checkpoint.parent)  # some 700 MB


@pytest.fixture(scope="module")
def policy(imported: Path) -> Policy:
    return load_policy(imported, dtype=None)


@pytest.fixture
def all_cores() -> Iterator[None]:
    """A prompt of 4862 tokens takes half a minute on one core."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("all_cores")
@pytest.mark.parametrize("setting", sorted(golden()["cases"]))
@torch.no_grad()
def test_imported_policy_has_the_authors_logits(policy: Policy, setting: str) -> None:
    case = golden()["cases"][setting]
    frames, size = case["frames"], case["size"]
    ids = torch.tensor([token for token, times in case["prompt"] for _ in range(times)])
    assert len(ids) == case["prompt_length"]
    generator = torch.Generator().manual_seed(case["input_seed"])
    pixels = torch.randn((frames, 3, size, size), generator=generator)[None]
    body = policy.model.model
    features, motion = body.encode_frames(pixels), body.motion_encoder(pixels)
    visual = body.multi_modal_projector(features[:, 0])[0, 0]
    logits = policy.model(
        input_ids=ids[None], frame_features=features, motion_features=motion, logits_to_keep=4
    ).logits[0]
    for found, name in ((visual, "first_frame_first_token_embedding"), (logits, "logits_last_4")):
        expected = torch.tensor(case[name])
        found = found[..., : expected.shape[-1]]  # noqa: PLW2901
        difference = (found - expected).abs().max() / expected.std()
        assert float(difference) < TOLERANCE, name


def test_export_returns_the_imported_bits(
    tmp_path: Path, checkpoint: Path, imported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "vqathinker.policy.interchange.original.write_shards.__defaults__", (10**8,)
    )
    export_original(imported, tmp_path / "back")
    before, after = Shards(checkpoint), Shards(tmp_path / "back")
    assert len(list((tmp_path / "back").glob("model-*.safetensors"))) > 2
    assert after.shapes == before.shapes
    assert after.dtypes == before.dtypes
    assert all(torch.equal(after[name](), before[name]()) for name in before)
    import_original(tmp_path / "back", tmp_path / "again")
    again, once = Shards(tmp_path / "again"), Shards(imported)
    assert (tmp_path / "again" / "config.json").read_text() == (
        imported / "config.json"
    ).read_text()
    assert all(torch.equal(again[name](), once[name]()) for name in once)
    shutil.rmtree(tmp_path)


def test_every_tensor_has_a_name_in_the_authors_layout(policy: Policy) -> None:
    names = {original_name(name)[0] for name in policy.model.state_dict()}
    assert names == golden()["state_dict"].keys()
    with pytest.raises(KeyError, match=r"model\.elsewhere"):
        original_name("model.elsewhere")


def test_export_and_import_keep_all_tensors(tmp_path: Path, tiny_base: Path) -> None:
    """Covers what the golden one lacks: normed queries, tied embeddings, two precisions."""
    config = VQAThinkerConfig(
        motion={"encoder": "slowfast_r50", "time_repeat": {"6": 6, "12": 4}}, setting="12x560",
        vision_config=InternVLVisionConfig(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48,
            use_qk_norm=True, norm_type="rms_norm",
        ),
        text_config=Qwen2Config(
            vocab_size=900, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, intermediate_size=48, tie_word_embeddings=True,
            rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e6},
        ),
        image_token_id=load_policy(tiny_base).model.config.image_token_id,
        downsample_ratio=0.5, tie_word_embeddings=True,
    )  # fmt: skip
    model = VQAThinkerForConditionalGeneration(config).bfloat16()
    model.model.motion_encoder.float()
    tokenizer = load_policy(tiny_base).tokenizer
    save_policy(model, tokenizer, tmp_path / "ours", "", {})
    export_original(tmp_path / "ours", tmp_path / "theirs")
    there = Shards(tmp_path / "theirs")
    assert "vision_model.encoder.layers.0.attn.q_norm.weight" in there
    assert "language_model.lm_head.weight" not in there
    import_original(tmp_path / "theirs", tmp_path / "back")
    before, after = Shards(tmp_path / "ours"), Shards(tmp_path / "back")
    assert (after.shapes, after.dtypes) == (before.shapes, before.dtypes)
    assert set(after.dtypes.values()) == {"BF16", "F32", "I64"}
    assert all(torch.equal(after[name](), before[name]()) for name in before)
    again = load_policy(tmp_path / "back", dtype=None).model
    assert {again.state_dict()[name].dtype == before[name]().dtype for name in before} == {True}
    assert again.config.text_config.rope_parameters["rope_type"] == "dynamic"
    assert again.config.vision_config.use_qk_norm
    assert again.lm_head.weight is again.get_input_embeddings().weight
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("config.json", r"incomplete/config\.json"),
        ("tokenizer.json", r"incomplete: .* tokenizer"),
        (EYE, EYE),
        ("model.safetensors.index.json", r"model\.safetensors\.index\.json"),
    ],
)
def test_missing_part_of_a_checkpoint_is_named(
    tmp_path: Path, checkpoint: Path, name: str, named: str
) -> None:
    incomplete = tmp_path / "incomplete"
    incomplete.mkdir()
    for path in checkpoint.iterdir():
        if path.name not in {name, "tokenizer_config.json"}:
            (incomplete / path.name).symlink_to(path)
    with pytest.raises(InputError, match=named):
        import_original(incomplete, tmp_path / "policy")
    assert not (tmp_path / "policy").exists()
