"""Hostile uploads, and words of the error for each."""

import struct
from pathlib import Path

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n"
# Text as file content; {address} is replaced by the address of a server, {clip} by a clip's path.
TEXTS = {
    "list.m3u8": (PLAYLIST, "text, not a video"),
    "list.ffconcat": ("ffconcat version 1.0\nfile '{clip}'\n", "text, not a video"),
    "dash.mpd": (
        '<?xml version="1.0"?>\n<MPD><Period><BaseURL>{address}</BaseURL></Period></MPD>\n',
        "XML, not a video",
    ),
}


def gif(width: int, height: int) -> bytes:
    """An image of one pixel on a canvas of any size, in 40 bytes."""
    colours = b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    pixel = b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"
    return b"GIF89a" + struct.pack("<HH", width, height) + colours + pixel


BYTES = {
    "giant.gif": (gif(65535, 65535), "no frame can be decoded"),
    "wide.gif": (gif(8000, 8000), "8000x8000 pixels"),
}
SCRIPT = "<img src=x onerror=\"document.title='owned'\">${document.title='owned'}{{value}}"
NAMES = [*TEXTS, *BYTES, "cut.mp4"]


def write(name: str, folder: Path, clip: Path, address: str) -> tuple[Path, str]:
    """Write a hostile file; returns its path, and words of the error for it."""
    if name in TEXTS:
        text, words = TEXTS[name]
        content = text.replace("{address}", address).replace("{clip}", str(clip)).encode()
    elif name in BYTES:
        content, words = BYTES[name]
    else:
        whole = clip.read_bytes()
        content, words = whole[: len(whole) // 2], "cut off, or never finished"
    (folder / name).write_bytes(content)
    return folder / name, words
