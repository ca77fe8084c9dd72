"""How many frames a packet shows, told from headers, for codecs whose packets may show none.

Most codecs have one frame in every packet. VP8 and VP9 have frames that are decoded and never
shown, and VP9 packets of several frames. H.264 may put the two fields of a frame into two packets,
HEVC may keep pictures from being shown: then nothing but decoding tells.

Sources: RFC 6386, section 9.1 (VP8); VP9 bitstream specification 0.6, sections 6.2 and annex B;
ITU-T H.264, 7.3.2.1.1; ITU-T H.265, 7.3.2.3.1; ISO/IEC 14496-15, 5.3.3 and 8.3.3 (avcC, hvcC).
"""

from collections.abc import Iterator

__all__ = ["headers_promise_one_frame", "shown_in_packet"]

_H264_HIGH_PROFILES = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}
_HEVC_PPS = 34


def shown_in_packet(codec: str, data: memoryview) -> int:
    """Frames that the packet `data` of this codec (FFmpeg's name) shows."""
    if codec == "vp8":
        return (data[0] >> 4) & 1
    if codec == "vp9":
        return sum(_vp9_frame_is_shown(data[start]) for start in _vp9_frame_starts(data))
    return 1


def headers_promise_one_frame(codec: str, header: bytes) -> bool:
    """Whether the codec's header, as mp4 and Matroska have it, rules out other packets.

    False where it allows them, and where it cannot be read.
    """
    try:
        if codec == "h264":
            return _h264_has_frames_only(header)
        if codec == "hevc":
            return _hevc_shows_every_picture(header)
    except (IndexError, ValueError):
        return False
    return True


def _vp9_frame_starts(data: memoryview) -> Iterator[int]:
    """Where the frames of a packet begin: one, or as its last byte and the index before it say."""
    last = data[-1]
    count, width = (last & 7) + 1, ((last >> 3) & 3) + 1
    index = len(data) - 2 - count * width
    if last & 0xE0 != 0xC0 or index < 0 or data[index] != last:
        yield 0
        return
    start = 0
    for at in range(index + 1, len(data) - 1, width):
        size = int.from_bytes(data[at : at + width], "little")
        if size:
            yield start
        start += size


def _vp9_frame_is_shown(first_byte: int) -> bool:
    is_profile_3 = (first_byte >> 4) & 3 == 3
    bits = first_byte >> (2 if is_profile_3 else 3)  # down to show_existing_frame
    shows_existing, shows_itself = bits & 1, (first_byte >> (0 if is_profile_3 else 1)) & 1
    return bool(shows_existing or shows_itself)


class _Bits:
    """Reads the bits of a NAL unit, without the bytes that keep start codes out of it."""

    def __init__(self, unit: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in unit.replace(b"\0\0\3", b"\0\0"))
        self._at = 0

    def read(self, count: int) -> int:
        self._at += count
        return int(self._bits[self._at - count : self._at], 2)

    def read_exp_golomb(self) -> int:
        zeros = self._bits.index("1", self._at) - self._at
        self._at += zeros
        return self.read(zeros + 1) - 1


def _h264_has_frames_only(header: bytes) -> bool:
    """frame_mbs_only_flag of every sequence parameter set of an avcC."""
    if header[0] != 1:
        return False
    at, flags = 6, []
    for _ in range(header[5] & 31):
        size = int.from_bytes(header[at : at + 2], "big")
        flags.append(_h264_frame_mbs_only(header[at + 2 : at + 2 + size]))
        at += 2 + size
    return bool(flags) and all(flags)


def _h264_frame_mbs_only(unit: bytes) -> bool:
    profile, bits = unit[1], _Bits(unit[4:])
    bits.read_exp_golomb()  # seq_parameter_set_id
    if profile in _H264_HIGH_PROFILES:
        chroma_format = bits.read_exp_golomb()
        if chroma_format == 3:
            bits.read(1)
        bits.read_exp_golomb()  # bit depth of luma
        bits.read_exp_golomb()  # and of chroma
        bits.read(1)
        if bits.read(1):  # scaling matrices, which nobody's encoder is known to write here
            return False
    bits.read_exp_golomb()  # log2_max_frame_num
    order = bits.read_exp_golomb()
    if order == 0:
        bits.read_exp_golomb()
    elif order == 1:
        return False
    bits.read_exp_golomb()  # max_num_ref_frames
    bits.read(1)
    bits.read_exp_golomb()  # width
    bits.read_exp_golomb()  # height
    return bool(bits.read(1))


def _hevc_shows_every_picture(header: bytes) -> bool:
    """No output_flag_present_flag in any picture parameter set of an hvcC."""
    if header[0] != 1:
        return False
    at, flags = 23, []
    for _ in range(header[22]):
        kind, units = header[at] & 63, int.from_bytes(header[at + 1 : at + 3], "big")
        at += 3
        for _ in range(units):
            size = int.from_bytes(header[at : at + 2], "big")
            if kind == _HEVC_PPS:
                bits = _Bits(header[at + 4 : at + 2 + size])
                bits.read_exp_golomb()  # pps_pic_parameter_set_id
                bits.read_exp_golomb()  # pps_seq_parameter_set_id
                bits.read(1)  # dependent_slice_segments_enabled_flag
                flags.append(bits.read(1) == 0)
            at += 2 + size
    return bool(flags) and all(flags)
