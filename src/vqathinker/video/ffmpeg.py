"""Find the ffmpeg program: the system's, else the one that the package imageio-ffmpeg ships."""

import shutil
from functools import cache

__all__ = ["ffmpeg_binary"]


@cache
def ffmpeg_binary() -> str:
    """Path of an ffmpeg program; probing needs none, PyAV does that.

    Raises:
        FileNotFoundError: neither on PATH nor shipped by imageio-ffmpeg.
    """
    on_path = shutil.which("ffmpeg")
    if on_path:
        return on_path
    try:
        import imageio_ffmpeg  # noqa: PLC0415  an extra that need not be installed

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        message = (
            "no ffmpeg on PATH and none shipped by the package imageio-ffmpeg; "
            "install ffmpeg with the system's package manager, or `pip install imageio-ffmpeg`"
        )
        raise FileNotFoundError(message) from error
