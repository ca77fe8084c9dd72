"""Every way to score a clip gives the same score, of the same kind and on the same scale."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch
from tests.scoring.conftest import RECORD, make_video
from tests.scoring.test_loaded import HOW
from typer.testing import CliRunner

from vqathinker.choices import ScoreKind
from vqathinker.cli import app
from vqathinker.errors import InputError
from vqathinker.evaluation.predict import predict
from vqathinker.params import AnswerParams, EvaluationParams
from vqathinker.policy.folder.checkpoint import load_policy, save_policy
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.scoring.batch import compare, score_clips, score_over_time
from vqathinker.scoring.loaded_policy import LoadedPolicy
from vqathinker.scoring.sample import sample_clip
from vqathinker.serving.results import score_upload
from vqathinker.serving.uploads import UploadFolder
from vqathinker.video.probe import ClipBounds
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.store import Clips, write_shard

# Few steps and branches, so that scores are fast and differ from those of the defaults.
LIMITS = {"missing": 0.5, "steps": 1, "branches": 1}
EVALUATION = {
    "score": "expected", "expectation": LIMITS,
    "sampling": {"answers": 3, "temperature": 0.5, "seed": 7},
}  # fmt: skip


def copy_with_provenance(folder: Path, policy: Path, **more: object) -> Path:
    """Copy a policy folder, and add entries to its provenance."""
    shutil.copytree(policy, folder)
    path = folder / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    return folder


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory, digit_policy: Path, videos: Path) -> Path:
    """A policy that writes complete answers, and whose tables show the expected score."""
    model, tokenizer, record = load_policy(digit_policy)
    tags = ["<answer>", "</answer>", tokenizer.eos_token]
    opens, closes, end = tokenizer.convert_tokens_to_ids(tags)
    digits = tokenizer.convert_tokens_to_ids(list("12345"))
    clips = [sample_clip(path, ClipSetting(6, 56)).pixels for path in sorted(videos.iterdir())]
    frames = torch.from_numpy(np.stack(clips).transpose(0, 1, 4, 2, 3).copy())
    ids = prompt_ids(tokenizer, "evaluation", 6, 4)
    prompts = encode_prompts(model, ids, Clips(frames))
    answer = torch.tensor([[opens, digits[2], closes]]).expand(len(clips), -1)
    with torch.no_grad():
        hidden = model.model(
            input_ids=torch.cat([prompts.input_ids, answer], dim=1),
            frame_features=prompts.frame_features, motion_features=prompts.motion_features,
        ).last_hidden_state[:, -4:]  # fmt: skip
        wanted = torch.zeros(*hidden.shape[:2], len(tokenizer))
        wanted[:, 0, opens] = wanted[:, 2, closes] = wanted[:, 3, end] = 12
        wanted[:, 1, digits] = torch.tensor([11.0, 11.3, 11.9, 12.0, 11.2])
        states = hidden.mean(0)  # (4, width)
        head = (torch.linalg.pinv(states) @ wanted.mean(0)).T.contiguous()
    model.lm_head.weight = torch.nn.Parameter(head)  # no longer that of the embedding
    model.config.tie_word_embeddings = model.config.text_config.tie_word_embeddings = False
    folder = tmp_path_factory.mktemp("answering") / "policy"
    record = {key: record[key] for key in RECORD} | {"evaluation": EVALUATION}
    save_policy(model, tokenizer, folder, "", record)
    return folder


@pytest.fixture(scope="module")
def scorer(answering: Path) -> LoadedPolicy:
    return LoadedPolicy(answering, "cpu")


def all_frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.stack([f.to_ndarray(format="rgb24", interpolation="POINT")
                         for f in file.decode(video=0)])  # fmt: skip


def predicted(scorer: LoadedPolicy, clip: Path, folder: Path, **more: object) -> float:
    """The score that the pipeline predicts, from a shard of clips."""
    sampled = scorer.sample(clip)
    frames = torch.from_numpy(sampled.pixels.transpose(0, 3, 1, 2).copy())[None]
    indices = torch.tensor([sampled.indices])
    numbers = sampled.statistics
    write_shard(
        folder / "shard", [clip.name], frames, indices, {}, str(scorer.setting), {},
        None if numbers is None else torch.from_numpy(numbers)[None],
    )  # fmt: skip
    how = EvaluationParams.model_validate(HOW | {"batch_size": 1, "score": "expected"} | more)
    answer = AnswerParams(parsing="authors", range=None)
    out = folder / "out.parquet"
    predict(scorer.folder, [folder / "shard"], how, answer, run="a", benchmark="b", out=out)
    return pd.read_parquet(out)["score"].item()


def test_every_way_gives_the_same_score(scorer: LoadedPolicy, videos: Path, tmp_path: Path) -> None:
    clip = videos / "1.mp4"
    truth = predicted(scorer, clip, tmp_path, expectation=LIMITS)
    assert 0 < truth != scorer.score(clip, "greedy").score
    assert truth != predicted(scorer, clip, tmp_path)
    uploads = UploadFolder(10**7)
    upload = uploads.path / clip.name
    shutil.copy(clip, upload)
    uploads.add([upload])
    [many] = scorer.score_many([clip])
    [of_batch] = score_clips(scorer, [str(clip)], scorer.method)
    [part] = score_over_time(scorer, clip)
    results = {
        "score": scorer.score(clip),
        "score_many": many,
        "score_clips": of_batch,
        "score_frames, all": scorer.score_frames(all_frames(clip)),
        "score_frames, sampled": scorer.score_frames(scorer.sample(clip).pixels),
        "score_sampled": scorer.score_sampled(scorer.sample(clip)),
        "compare": compare(scorer, str(clip), str(clip)).second,
        "over time": part.result,
        "serve": score_upload(scorer, upload, uploads, ClipBounds()).result,
    }
    uploads.close()
    assert {name: (result.score, result.method) for name, result in results.items()} == (
        dict.fromkeys(results, (truth, "expected"))
    )
    assert results["score_frames, sampled"].warnings == ()


def test_tiles_get_the_same_score_in_every_way(
    answering: Path, videos: Path, tmp_path: Path
) -> None:
    scorer, clip = LoadedPolicy(answering, "cpu"), videos / "1.mp4"
    resized = scorer.score(clip).score
    scorer.setting = ClipSetting(6, 56, 2)
    truth = predicted(scorer, clip, tmp_path, expectation=LIMITS)
    assert truth != resized
    sampled = scorer.sample(clip)
    assert sampled.pixels.shape == (6, 56, 112, 3)
    assert scorer.score(clip).score == truth
    assert scorer.score_sampled(sampled).score == truth
    assert scorer.score_frames(all_frames(clip)).score == pytest.approx(truth)
    [part] = score_over_time(scorer, clip)
    assert part.result.score == truth
    with pytest.raises(InputError, match="score_sampled"):
        scorer.score_frames(sampled.pixels)


def test_tiles_of_frames_in_memory_get_the_score_of_the_file(
    answering: Path, tmp_path: Path
) -> None:
    scorer = LoadedPolicy(answering, "cpu")
    scorer.setting = ClipSetting(6, 56, 2)
    # WebM rounds times to 1 ms, so they are not quite evenly spaced; frames in memory are.
    clip = make_video(tmp_path / "clip.webm", "testsrc2=size=96x64:rate=30000/1001", 1)
    in_file, in_memory = scorer.sample(clip), scorer.score_frames(all_frames(clip))
    assert len({round(b - a, 6) for a, b in pairwise(in_file.seconds)}) > 1
    assert in_memory.score == pytest.approx(scorer.score_sampled(in_file).score, abs=1e-6)


def test_answers_are_sampled_as_for_the_tables(
    scorer: LoadedPolicy, policy: LoadedPolicy, videos: Path
) -> None:
    clip = scorer.sample(videos / "1.mp4")
    assert len(scorer.ask(clip, "mean").samples) == 3
    assert (
        len(policy.ask(clip, "mean").samples) == 16
    )  # the default, because its folder records no number


@pytest.mark.parametrize("evaluation", [{"score": "expectd"}, {"expectation": {"steps": 0}}, None])
def test_an_invalid_evaluation_in_the_provenance_is_an_error(
    digit_policy: Path, tmp_path: Path, evaluation: object
) -> None:
    folder = copy_with_provenance(tmp_path / "policy", digit_policy, evaluation=evaluation)
    with pytest.raises(InputError, match=r"provenance\.json: evaluation"):
        LoadedPolicy(folder, "cpu")


def test_frames_from_sample_are_used_unchanged(scorer: LoadedPolicy, videos: Path) -> None:
    clip = videos / "1.mp4"
    pixels = scorer.sample(clip, 3).pixels  # exactly the frames and size that the policy looks at
    assert scorer.score_frames(pixels, count=3).score == scorer.score(clip, frames=3).score


@pytest.mark.parametrize("kind", [None, "greedy"])
def test_the_command_gives_the_same_score(
    scorer: LoadedPolicy, answering: Path, videos: Path, kind: ScoreKind | None
) -> None:
    clip = videos / "1.mp4"
    call = ["score", str(clip), "--policy", str(answering), *(["--score", kind] if kind else [])]
    table = CliRunner().invoke(app, call)
    assert f"score ({kind or 'expected'})" in table.stdout
    assert "`expected`" in table.stderr
    content = json.loads(CliRunner().invoke(app, [*call, "--format", "json"]).stdout)
    assert content["policy"]["own_method"] == "expected"
    assert content["policy"]["method"] == content["clips"][0]["method"] == (kind or "expected")
    assert content["clips"][0]["score"] == round(scorer.score(clip, kind).score, 4)


@pytest.mark.parametrize(
    ("trained_on", "answer", "scale"),
    [
        (RECORD["trained_on"] | {"mos": [1.5, 2.0, 4.25]}, [0, 5], (1.5, 4.25)),
        (None, [0, 5], (0, 5)),
        (None, None, None),
    ],
)
def test_the_scale_is_that_of_labels_or_answers(
    tmp_path: Path,
    digit_policy: Path,
    trained_on: dict | None,
    answer: list | None,
    scale: tuple | None,
) -> None:
    settings = RECORD["settings"] | {"answer": {"parsing": "authors", "range": answer}}
    more = {"trained_on": trained_on, "settings": settings}
    one = LoadedPolicy(copy_with_provenance(tmp_path / "policy", digit_policy, **more), "cpu")
    assert one.scale == scale
    assert one.method == "greedy"  # the default, because its folder records no kind
    assert one.metadata()["own_method"] is None
