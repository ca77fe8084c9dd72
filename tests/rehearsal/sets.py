"""Videos of the stand-ins for the real data sets, with names and difficulties like the real ones.

A video has the name in its label or, if the card has `match`, a name that `match` maps to it.
`kind` is a key of `videos.ENCODINGS`, or `broken` (truncated) or `private` (not a video).
"""

from dataclasses import dataclass, field

_HFR = ["bobblehead", "books", "bouncyball", "catchtrack", "cyclist", "hamster", "lamppost",
        "leaves", "library", "pour", "watersplashing"]  # fmt: skip
_HFR_PARTS = {"1Runner": 2, "3Runners": 2, "Flips": 3, "Hurdles": 3, "LongJump": 2}


@dataclass(frozen=True)
class StandIn:
    """A video.

    Attributes:
        label: its id in the label file, or None if it has no label.
        archive: the file of the card that contains it; a file that the card does not list is put
            into `downloads` by hand.
        path: its path in the archive, or None if it is missing.
        kind: how it is encoded or damaged.
    """

    label: str | None
    archive: str
    path: str | None
    kind: str = "plain"


@dataclass(frozen=True)
class StandInSet:
    """Videos of a card, and of the cards that share its files."""

    card: str
    videos: list[StandIn]
    shared: dict[str, list[StandIn]] = field(default_factory=dict)
    password: str | None = None


def _lsvq() -> StandInSet:
    """51 archives. Several contain the same file names, and some have a top folder."""
    batches = [
        "backup",
        "backup2",
        *(f"yfcc-batch{number}" for number in range(1, 26)),
        *(f"ia-batch{number}" for number in range(1, 25)),
    ]
    kinds = {"yfcc-batch1": "portrait_turned", "yfcc-batch2": "frames_31", "yfcc-batch3": "vfr",
              "yfcc-batch4": "full_range", "yfcc-batch5": "portrait", "ia-batch1": "b_frames",
              "ia-batch3": "broken"}  # fmt: skip

    def one(batch: str, name: str, kind: str = "plain") -> StandIn:
        has_folder = batch.endswith(("1", "3", "5", "7", "9"))
        return StandIn(
            f"{batch}/{name}.mp4",
            f"{batch}.tar.gz",
            f"{batch}/{name}.mp4" if has_folder else f"{name}.mp4",
            kind,
        )

    def name(batch: str, number: int) -> str:
        if batch.startswith("ia"):
            return ("youtube-s_{}Dw4wQ", "Flickr-90{}21", "Stand_In_-_Reel_{}")[number % 3].format(
                number
            )
        return str(100 + number)  # the same in all yfcc archives

    train = [one(b, name(b, 0), kinds.get(b, "plain")) for b in batches]
    train.append(StandIn("yfcc-batch6/199.mp4", "yfcc-batch6.tar.gz", None))
    test = [one(b, name(b, 1)) for b in ("yfcc-batch1", "yfcc-batch2", "ia-batch1", "ia-batch2")]
    test += [one("yfcc-batch7", "101", "frames_31"), one("backup", "24961", "portrait_turned")]
    large = [one(b, name(b, 2)) for b in ("yfcc-batch1", "yfcc-batch10", "ia-batch6")]
    large += [one("yfcc-batch21", "102", "portrait"), one("yfcc-batch15", "102", "full_range")]
    return StandInSet("lsvq_train", train, {"lsvq_test": test, "lsvq_1080p": large})


def _konvid() -> StandInSet:
    numbers = ("4000000001", "4000000002", "4000000003", "4000000004")
    archive = "KoNViD_1k_videos.zip"
    videos = [StandIn(f"{n}.mp4", archive, f"KoNViD_1k_videos/{n}.mp4") for n in numbers]
    renamed = "KoNViD_1k_videos/4000000005_original_centercrop_960x540_8s.mp4"
    videos.append(StandIn("4000000005.mp4", archive, renamed))
    videos.append(StandIn(None, archive, "KoNViD_1k_subjective.csv", "private"))
    return StandInSet("konvid_1k", videos)


def _live_vqc() -> StandInSet:
    archive = "LIVE-VQC.zip"
    files = {"A001": "A001.mp4", "A012": "A012NEW.mp4", "B055": "B055.mp4", "C071": "C071.mp4",
             "G096": "G096.mp4"}  # fmt: skip
    kinds = {"A001": "vfr", "B055": "portrait_turned", "C071": "full_range", "G096": "portrait"}
    videos = [
        StandIn(f"{label}.mp4", archive, f"Video/{path}", kinds.get(label, "plain"))
        for label, path in files.items()
    ]
    return StandInSet("live_vqc", videos, password="LIVE-VQC")  # noqa: S106


def _youtube_ugc() -> StandInSet:
    categories = {"Animation_1080P-0aaa": "plain", "Sports_360P-0bbb": "plain",
             "VerticalVideo_2160P-0ccc": "portrait", "HDR_1080P-0ddd": "plain",
             "Vlog_720P-0eee": "broken", "NewsClip_480P-0fff": "missing"}  # fmt: skip
    videos = []
    for category, kind in categories.items():
        name = f"{category}_crf_10_ss_00_t_20.0.mp4"
        path = None if kind == "missing" else name
        videos.append(StandIn(name, "{video}", path, kind))
    return StandInSet("youtube_ugc", videos)


def _hfr() -> StandInSet:
    videos = []
    for number, content in enumerate((*_HFR, *_HFR_PARTS)):
        name = f"{content}_crf_{4 * number}_{(24, 30, 60, 82, 98, 120)[number % 6]}fps"
        kind = "vp9_10bit_4k" if content == "1Runner" else "vp9_10bit"
        kind = kind if content in _HFR_PARTS else "vp9"
        videos.append(StandIn(f"{name}.mp4", f"{content}.zip", f"{content}/{name}.webm", kind))
    return StandInSet("live_yt_hfr", videos, password="LIVE-YT-HFR")  # noqa: S106


def _waterloo() -> StandInSet:
    codecs = {"H264": "plain", "HEVC": "hevc", "VP9": "vp9_in_mp4", "AVS2": "hevc", "AV1": "av1"}
    videos = []
    for number, (codec, kind) in enumerate(codecs.items(), 1):
        for level in (1, 2):
            label = f"{codec}_{number:02d}_960x540_{level}.mp4"
            path = f"{codec}/{number:02d}/960x540_{level}.mp4"
            part = f"{codec}-part{level}" if codec in {"AVS2", "AV1"} else codec
            videos.append(StandIn(label, f"{part}.zip", path, kind))
    return StandInSet("waterloo_ivc_4k", videos)


def _plain(card: str, archive: str, names: list[str], folder: str = "") -> StandInSet:
    return StandInSet(card, [StandIn(name, archive, folder + name) for name in names])


def _gaming() -> StandInSet:
    kinds = ["vfr", "full_range", "plain", "plain", "plain"]
    games = ["ARKSuvivalEvolved-001", "AgeEmpires-001", "FIFA-005", "GTA-016", "PUBG-089"]
    return StandInSet("live_yt_gaming", [
        StandIn(f"{game}.mp4", "LIVE-YT-Gaming.zip", f"{game}.mp4", kind)
        for game, kind in zip(games, kinds, strict=True)
    ])  # fmt: skip


def _q_bench() -> StandInSet:
    names = ["1.mp4", "2.mp4", "3.mp4", "4.mp4", "5.mp4"]
    return _plain("q_bench_video", "video.zip", names, "video/")


_CGVDS = [
    f"{game}_h264_nvenc.mp4"
    for game in (
        "Overwatch_30_30fps_640x480_30_300",
        "BlackDesert_30_1920x1080_60_50000",
        "Bejeweled3_30s_640x480_60_2000",
        "R5Apex_30_1280x720_60_2000",
        "LoL_TF_30s_640x480_60_300",
    )
]

SETS: dict[str, StandInSet] = {
    one.card: one
    for one in (
        _lsvq(),
        _konvid(),
        _live_vqc(),
        _youtube_ugc(),
        _gaming(),
        _plain("cgvds", "", _CGVDS),  # single files
        _hfr(),
        _waterloo(),
        _plain("vdpve", "VDPVE_train", ["A0023_01.mp4", "A0044_02.mp4", "B0021_03.mp4",
                                        "B0019_02.mp4", "C0042_01.mp4"], "VDPVE_train/"),
        _plain("finevd", "data.zip", ["0_00_00_1520985470.mp4", "0_00_00_1526647910.mp4",
                                      "0_00_00_1530000000.mp4"]),
        _plain("maxwell", "videos.zip", ["0001.mp4", "0012.mp4", "0015.mp4", "0020.mp4"]),
        _q_bench(),
    )
}  # fmt: skip


def counts() -> dict[str, int]:
    """Number of rows in the label file of each set."""
    found: dict[str, int] = {}
    for card, one in SETS.items():
        lists = {card: one.videos, **one.shared}
        found |= {name: sum(v.label is not None for v in list_) for name, list_ in lists.items()}
    return found
