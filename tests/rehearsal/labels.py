"""Label files of the stand-ins in the formats of the real ones, with random scores."""

import csv
import io
import json
from collections.abc import Callable, Sequence

import numpy as np

Files = dict[str, bytes]


def _scores(names: Sequence[str], low: float, high: float, digits: int = 3) -> dict[str, str]:
    rng = np.random.default_rng([len(names), *names[0].encode()[:4]])
    drawn = rng.uniform(low, high, len(names))
    return {name: f"{score:.{digits}f}" for name, score in zip(names, drawn, strict=True)}


def _annotations(scores: dict[str, str]) -> bytes:
    rows = [{"image_id": n, "ann_type": "score", "score": score} for n, score in scores.items()]
    return json.dumps({"annotations": rows}, indent=4).encode()


def _comma_separated(scores: dict[str, str], *between: str) -> bytes:
    return "".join(
        ", ".join([name, *between, score]) + "\n" for name, score in scores.items()
    ).encode()


def _score_list(file: str, low: float, high: float) -> Callable[[Sequence[str]], Files]:
    return lambda names: {file: _annotations(_scores(names, low, high))}


def _lsvq_train(names: Sequence[str]) -> Files:
    return {"train_labels.txt": _comma_separated(_scores(names, 10, 95, 9), "-1", "-1")}


def _lsvq_test(names: Sequence[str]) -> Files:
    """The authors' list, and DOVER's, which has an additional row."""
    scores = _scores(names, 10, 95, 8)
    more = scores | {"yfcc-batch9/8000.mp4": "50.5"}
    return {
        "LSVQ_whole_test_ds_score.json": _annotations(scores),
        "labels_test.txt": _comma_separated(more, "-1", "-1"),
    }


def _konvid(names: Sequence[str]) -> Files:
    scores = _scores(names, 1.5, 4.5, 2)
    in_folder = {f"KoNViD_1k_videos/{name}": score for name, score in scores.items()}
    twenty = {name: f"{20 * float(score):.3f}" for name, score in scores.items()}
    return {
        "Konvid-1k_total_ds_score.json": _annotations(twenty),
        "labels.txt": _comma_separated(in_folder, "8.008", "29.97"),
    }


def _hfr(names: Sequence[str]) -> Files:
    scores = _scores(names, 20, 90, 8)
    ids = [name.removesuffix(".mp4") for name in names]
    wide = [["File Names", *ids], ["MOS", *scores.values()], ["std", *["10.5"] * len(ids)]]
    return {"live_hfr_total_score.json": _annotations(scores), "subject_MOS.csv": _csv(wide)}


def _maxwell(names: Sequence[str]) -> Files:
    """A file of values, and a file of names in the same order."""
    kinds = [f"A-{n}" for n in range(1, 6)], [f"T-{n}" for n in range(1, 9)]
    header = ["O", *kinds[0], "A-all", *kinds[1], "T-all"]
    overall = _scores(names, 1.2, 4.8, 9)
    rng = np.random.default_rng(5)
    rows, lines = [header], []
    for name, score in overall.items():
        factors = [f"{value:.9f}" for value in rng.uniform(-1, 1, 13)]
        rows.append([score, *factors[:5], "2.500000000", *factors[5:], "2.250000000"])
        lines.append(f"{name}, 2.25, 2.5, {score}\n")
    return {"MaxWell_val.csv": _csv(rows), "val_labels.txt": "".join(lines).encode()}


def _finevd(names: Sequence[str]) -> Files:
    """Questions with options; the first name has a byte order mark, like some in the original."""
    options = ("Noise", "Video quality is good", "Color", "Artifact")
    lettered = ", ".join(f"{'ABCD'[i]}:[{option}]" for i, option in enumerate(options))
    question = (
        "Which distortion dimension has the greatest impact on video quality, choose from the "
        f"following options{{{lettered}}}(Just answer the corresponding letter)"
    )
    lines = []
    for number, name in enumerate(names):
        turns = [{"from": "human", "value": question}, {"from": "ai", "value": "ABCD"[number % 4]}]
        video = name if number else f"\ufeff{name}"
        lines.append(json.dumps({"video": video, "conversations": turns}, ensure_ascii=False))
    return {"abcd2_test.jsonl": "\n".join(lines).encode()}


def _q_bench(names: Sequence[str]) -> Files:
    """Questions of each type, about one video and about two; test questions have no answers."""
    pair = f"{names[0].removesuffix('.mp4')}_cat_{names[1]}"
    choice = {"question_type": "yes-no, technical", "answers": ["Yes", "No"], "context": ""}
    what = {"question_type": "what-how", "answers": ["Sharp", "Blurred", "Dark"], "context": ""}
    open_ended = {"question_type": "open-ended", "context": "", "answers": ["It is blurred."]}
    dev = [
        {"video_name": names[0], "question": "Is it sharp?", **choice, "correct_choice": "A"},
        {"video_name": names[1], "question": "How does it look?", **what, "correct_choice": "B."},
        {"video_name": names[2], "question": "Describe its quality.", **open_ended},
        {"video_name": pair, "question": "Is the first better?", **choice, "correct_choice": "No"},
    ]
    test = [{"video_name": name, "question": "Is it sharp?", **choice} for name in names[3:]]
    return {
        "Q_Bench_Video_dev.json": json.dumps(dev).encode(),
        "Q_Bench_Video_test.json": json.dumps(test).encode(),
    }


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


_FILES: dict[str, Callable[[Sequence[str]], Files]] = {
    "lsvq_train": _lsvq_train,
    "lsvq_test": _lsvq_test,
    "lsvq_1080p": _score_list("LSVQ_whole_test_1080p_ds_score.json", 10, 95),
    "konvid_1k": _konvid,
    "live_vqc": _score_list("LIVE-VQC_total_ds_score.json", 10, 90),
    "youtube_ugc": _score_list("youtube_ugc_total.json", 1.5, 4.8),
    "live_yt_gaming": _score_list("LIVE-YT-Gaming_total_score.json", 20, 90),
    "cgvds": _score_list("CGVDS_total_score.json", 1.5, 6.5),
    "live_yt_hfr": _hfr,
    "waterloo_ivc_4k": _score_list("Waterloo_IVC_4K_total_score.json", 10, 90),
    "vdpve": _score_list("VDPVE_train_score.json", 20, 80),
    "finevd": _finevd,
    "maxwell": _maxwell,
    "q_bench_video": _q_bench,
}


def label_files(card: str, names: Sequence[str]) -> Files:
    """Content of each label file of a card, with these ids."""
    return _FILES[card](names)
