"""Every way to score a clip gives the same number, of the same kind, on the same scale."""

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch
from tests.scoring.conftest import RECORD
from tests.scoring.test_loaded import HOW
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.errors import InputError
from vqathinker.evaluation.predict import predict
from vqathinker.params import AnswerParams, EvaluationParams
from vqathinker.policy.config import normalise
from vqathinker.policy.folder.checkpoint import load_policy, save_policy
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.scoring.batch import compare, score_clips, score_over_time
from vqathinker.scoring.loaded import LoadedPolicy
from vqathinker.scoring.results import Method
from vqathinker.scoring.sample import sample_clip
from vqathinker.serving.uploads import UploadFolder
from vqathinker.serving.verdict import judge
from vqathinker.video.probe import ClipBounds
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.store import write_shard

# Few steps and branches: every score takes milliseconds, and differs from that of the defaults.
LIMITS = {"missing": 0.5, "steps": 1, "branches": 1}
EVALUATION = {
    "score": "expected", "expectation": LIMITS,
    "sampling": {"answers": 3, "temperature": 0.5, "seed": 7},
}  # fmt: skip


def with_record(folder: Path, talking: Path, **more: object) -> Path:
    """A copy of the policy whose record says more; its hash is that of the other files."""
    shutil.copytree(talking, folder)
    path = folder / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    return folder


@pytest.fixture(scope="module")
def expecting(tmp_path_factory: pytest.TempPathFactory, talking: Path, videos: Path) -> Path:
    """A policy that begins an answer, and whose tables show the expected score."""
    model, tokenizer, record = load_policy(talking)
    tags = ["<answer>", "</answer>", tokenizer.eos_token]
    opens, closes, end = tokenizer.convert_tokens_to_ids(tags)
    digits = tokenizer.convert_tokens_to_ids(list("12345"))
    clips = [sample_clip(path, ClipSetting(6, 56)).pixels for path in sorted(videos.iterdir())]
    frames = torch.from_numpy(np.stack(clips).transpose(0, 1, 4, 2, 3).copy())
    ids = prompt_ids(tokenizer, "evaluation", 6, 4)
    shown = encode_prompts(model, ids, normalise(frames))
    said = torch.tensor([[opens, digits[2], closes]]).expand(len(clips), -1)
    with torch.no_grad():
        hidden = model.model(
            input_ids=torch.cat([shown.input_ids, said], dim=1),
            frame_features=shown.frame_features, motion_features=shown.motion_features,
        ).last_hidden_state[:, -4:]  # fmt: skip
        wanted = torch.zeros(*hidden.shape[:2], len(tokenizer))
        wanted[:, 0, opens] = wanted[:, 2, closes] = wanted[:, 3, end] = 12
        wanted[:, 1, digits] = torch.tensor([11.0, 11.3, 11.9, 12.0, 11.2])
        states = hidden.mean(0)  # (4, width)
        head = (torch.linalg.pinv(states) @ wanted.mean(0)).T.contiguous()
    model.lm_head.weight = torch.nn.Parameter(head)  # no longer that of the embedding
    model.config.tie_word_embeddings = model.config.text_config.tie_word_embeddings = False
    folder = tmp_path_factory.mktemp("expecting") / "policy"
    record = {key: record[key] for key in RECORD} | {"evaluation": EVALUATION}
    save_policy(model, tokenizer, folder, "", record)
    return folder


@pytest.fixture(scope="module")
def own(expecting: Path) -> LoadedPolicy:
    return LoadedPolicy(expecting, "cpu")


def all_frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.stack([f.to_ndarray(format="rgb24", interpolation="POINT")
                         for f in file.decode(video=0)])  # fmt: skip


def predicted(own: LoadedPolicy, clip: Path, folder: Path, **more: object) -> float:
    """By the way of the pipeline: a shard, and `predict` with the score that tables show."""
    sampled = own.sample(clip)
    frames = torch.from_numpy(sampled.pixels.transpose(0, 3, 1, 2).copy())[None]
    indices = torch.tensor([sampled.indices])
    write_shard(folder / "shard", [clip.name], frames, indices, {}, "6x56", {})
    how = EvaluationParams.model_validate(HOW | {"batch_size": 1, "score": "expected"} | more)
    answer = AnswerParams(parsing="authors", range=None)
    out = folder / "out.parquet"
    predict(own.folder, [folder / "shard"], how, answer, run="a", benchmark="b", out=out)
    return pd.read_parquet(out)["score"].item()


def test_all_ways_give_the_same_score(own: LoadedPolicy, videos: Path, tmp_path: Path) -> None:
    clip = videos / "1.mp4"
    truth = predicted(own, clip, tmp_path, expectation=LIMITS)
    assert 0 < truth != own.score(clip, "greedy").score
    assert truth != predicted(own, clip, tmp_path)
    uploads = UploadFolder(10**7)
    upload = uploads.path / clip.name
    shutil.copy(clip, upload)
    uploads.arrived([upload])
    [many] = own.score_many([clip])
    [of_batch] = score_clips(own, [str(clip)], own.method)
    [part] = score_over_time(own, clip)
    results = {
        "score": own.score(clip),
        "score_many": many,
        "score_clips": of_batch,
        "score_frames, all": own.score_frames(all_frames(clip)),
        "score_frames, sampled": own.score_frames(own.sample(clip).pixels),
        "score_sampled": own.score_sampled(own.sample(clip)),
        "compare": compare(own, str(clip), str(clip)).second,
        "over time": part.result,
        "serve": judge(own, upload, uploads, ClipBounds()).result,
    }
    uploads.close()
    assert {name: (result.score, result.method) for name, result in results.items()} == (
        dict.fromkeys(results, (truth, "expected"))
    )
    assert results["score_frames, sampled"].warnings == ()


def test_answers_are_drawn_as_for_the_tables(
    own: LoadedPolicy, policy: LoadedPolicy, videos: Path
) -> None:
    clip = own.sample(videos / "1.mp4")
    assert len(own.ask(clip, "mean").samples) == 3
    assert len(policy.ask(clip, "mean").samples) == 16  # its folder records none


@pytest.mark.parametrize("evaluation", [{"score": "expectd"}, {"expectation": {"steps": 0}}, None])
def test_a_wrong_evaluation_in_the_record_is_named(
    talking: Path, tmp_path: Path, evaluation: object
) -> None:
    folder = with_record(tmp_path / "policy", talking, evaluation=evaluation)
    with pytest.raises(InputError, match=r"provenance\.json: evaluation"):
        LoadedPolicy(folder, "cpu")


def test_sampled_frames_are_not_sampled_again(own: LoadedPolicy, videos: Path) -> None:
    clip = videos / "1.mp4"
    pixels = own.sample(clip, 3).pixels  # exactly the frames and size that the policy looks at
    assert np.array_equal(own.sample_frames(pixels, count=3).pixels, pixels)
    assert own.score_frames(pixels, count=3).score == own.score(clip, frames=3).score


@pytest.mark.parametrize("kind", [None, "greedy"])
def test_the_command_gives_the_same_score_and_names_its_kind(
    own: LoadedPolicy, expecting: Path, videos: Path, kind: Method | None
) -> None:
    clip = videos / "1.mp4"
    call = ["score", str(clip), "--policy", str(expecting), *(["--score", kind] if kind else [])]
    table = CliRunner().invoke(app, call)
    assert f"score ({kind or 'expected'})" in table.stdout
    assert "`expected`" in table.stderr
    content = json.loads(CliRunner().invoke(app, [*call, "--format", "json"]).stdout)
    assert content["policy"]["own_method"] == "expected"
    assert content["policy"]["method"] == content["clips"][0]["method"] == (kind or "expected")
    assert content["clips"][0]["score"] == round(own.score(clip, kind).score, 4)


@pytest.mark.parametrize(
    ("trained_on", "answer", "scale"),
    [
        (RECORD["trained_on"] | {"mos": [1.5, 2.0, 4.25]}, [0, 5], (1.5, 4.25)),
        (None, [0, 5], (0, 5)),
        (None, None, None),
    ],
)
def test_the_scale_is_that_of_labels_or_of_answers(
    tmp_path: Path, talking: Path, trained_on: dict | None, answer: list | None, scale: tuple | None
) -> None:
    settings = RECORD["settings"] | {"answer": {"parsing": "authors", "range": answer}}
    more = {"trained_on": trained_on, "settings": settings}
    one = LoadedPolicy(with_record(tmp_path / "policy", talking, **more), "cpu")
    assert one.scale == scale
    assert one.method == "greedy"  # its record names no kind of score
    assert one.about()["own_method"] is None
