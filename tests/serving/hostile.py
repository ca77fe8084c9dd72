"""Hostile uploads, and words of their refusal."""

import struct
from pathlib import Path

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n"
# Name, content and words of the refusal; {address} is that of a server, {clip} a clip's path.
TEXTS = {
    "hls playlist": ("list.m3u8", PLAYLIST, "text, not a video"),
    "list of clips": (
        "list.ffconcat",
        "ffconcat version 1.0\nfile '{clip}'\n",
        "text, not a video",
    ),
    "dash": (
        "dash.mpd",
        '<?xml version="1.0"?>\n<MPD><Period><BaseURL>{address}</BaseURL></Period></MPD>\n',
        "XML, not a video",
    ),
    "web page": ("a.mp4", "<!DOCTYPE html><title>Quota</title>\n", "a web page, not a video"),
}


def gif(width: int, height: int) -> bytes:
    """A picture of one dot on a canvas of any size: 40 bytes."""
    colours = b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    dot = b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"
    return b"GIF89a" + struct.pack("<HH", width, height) + colours + dot


BYTES = {
    "empty": ("nothing.mp4", b"", "empty file (0 bytes)"),
    "giant": ("giant.gif", gif(65535, 65535), "no frame can be decoded"),
    "wide": ("wide.gif", gif(8000, 8000), "8000x8000 pixels"),
}  # fmt: skip
SCRIPT = "<img src=x onerror=\"document.title='owned'\">${document.title='owned'}{{value}}"


def files(folder: Path, mp4: Path, address: str) -> dict[str, tuple[Path, str]]:
    """Every one of them in the folder: its path, and words of what is said of it."""
    texts = {
        kind: (name, text.replace("{address}", address).replace("{clip}", str(mp4)).encode(), words)
        for kind, (name, text, words) in TEXTS.items()
    }
    whole = mp4.read_bytes()
    made: dict[str, tuple[str, bytes, str]] = {
        **texts,
        **BYTES,
        "cut": ("cut.mp4", whole[: len(whole) // 2], "cut off, or never finished"),
    }  # fmt: skip
    written = {}
    for kind, (name, content, words) in made.items():
        path = folder / kind.replace(" ", "_") / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        written[kind] = (path, words)
    return written
