"""Which packets the wanted frames need."""

import pytest

from vqathinker.video.packet_ranges import PacketRange, plan_packet_ranges
from vqathinker.video.packets import PacketInfo


def packets(text: str) -> list[PacketInfo]:
    """ "3k" is a key packet shown at time 3; "3h" one that is hidden."""
    return [
        PacketInfo(int(word.rstrip("kh")), None, 1, 100, "k" in word, int("h" not in word))
        for word in text.split()
    ]


@pytest.mark.parametrize(
    ("stream", "wanted", "expected"),
    [
        ("0k 1 2 3k 4 5", [1], [PacketRange(0, 1, None)]),
        ("0k 1 2 3k 4 5", [1, 4], [PacketRange(0, 1, None), PacketRange(3, 4, 3)]),
        ("0k 1 2 3k 4 5", [2, 4], [PacketRange(0, 4, None)]),
        ("0k 1 2 3k 4 5", [5, 4], [PacketRange(3, 5, 3)]),
        # An open group: 4 and 5 are decoded after the key frame 6 and shown before it.
        ("0k 3 1 2 6k 4 5 9 7 8", [5], [PacketRange(0, 6, None)]),
        ("0k 3 1 2 6k 4 5 9 7 8", [8], [PacketRange(4, 9, 6)]),
        ("0kh 1h 2 3", [2], [PacketRange(0, 2, None)]),
        # A picture of VP8 that is only referred to has the time of the next one that is shown.
        ("0k 1 2h 2 3", [2], [PacketRange(0, 3, None)]),
    ],
)
def test_a_plan_feeds_what_the_wanted_frames_need(
    stream: str, wanted: list[int], expected: list[PacketRange]
) -> None:
    assert plan_packet_ranges(packets(stream), wanted) == expected
