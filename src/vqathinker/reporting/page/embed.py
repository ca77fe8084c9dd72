"""What lies inside the page: packed data, scripts, and the policy that lets only these run.

Plotly's script comes from the package as it is installed, gzipped: a third of its size. The page
unpacks it and adds it as a script, which the policy allows by its hash.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs

# In this order: later ones call earlier ones.
SCRIPTS = ("unpack", "theme", "tables", "frames", "clip", "plots", "points", "find", "start")


def own_script() -> str:
    """The page's own script: its files one below the other, in a scope of their own."""
    folder = files("vqathinker.reporting.page") / "browser"
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(['"use strict";(() => {', *parts, "})();"])


def plotly_script() -> str:
    """plotly.js, the whole of it."""
    return str(get_plotlyjs())


def packed(content: Any) -> str:
    """JSON, gzipped, in base64: no character of it means anything to HTML."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return packed_text(text)


def packed_text(text: str) -> str:
    """Text, gzipped, in base64."""
    return base64_text(gzip.compress(text.encode(), 6, mtime=0))


def base64_text(content: bytes) -> str:
    """Bytes in base64."""
    return base64.b64encode(content).decode("ascii")


def content_policy(scripts: Iterable[str], *, pictures_beside: bool) -> str:
    """The Content-Security-Policy: these scripts, pictures from inside, and nothing else.

    Styles are free, for plotly.js sets them; `pictures_beside` allows files beside the page.
    """
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    beside = " 'self' file:" if pictures_beside else ""
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: blob:{beside}; base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64_text(hashlib.sha256(script.encode()).digest())
