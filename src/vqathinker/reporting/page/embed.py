"""What the page contains besides markup: packed data, scripts, and the policy that allows them.

Plotly's script comes from the installed package, gzipped to a third of its size. The page unpacks
it and adds it as a script, which the policy allows by its hash.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

# In this order: later ones call earlier ones.
SCRIPTS = ("unpack", "theme", "tables", "frames", "clip", "plots", "points", "find", "start")


def own_script() -> str:
    """The page's own script: its files one below the other, in a scope of their own."""
    folder = files("vqathinker.reporting.page") / "browser"
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(['"use strict";(() => {', *parts, "})();"])


def packed(content: Any) -> str:
    """JSON, gzipped, in base64: none of its characters means anything to HTML."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return packed_text(text)


def packed_text(text: str) -> str:
    """Text, gzipped, in base64; always the same bytes."""
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode("ascii")


def content_policy(scripts: Iterable[str], *, pictures_in_files: bool) -> str:
    """The Content-Security-Policy: these scripts, pictures from inside, and nothing else.

    Styles are free, because plotly.js sets them. `pictures_in_files` allows files next to the page.
    """
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    hashes = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)
    outside = " 'self' file:" if pictures_in_files else ""
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: blob:{outside}; base-uri 'none'; form-action 'none'"
    )
