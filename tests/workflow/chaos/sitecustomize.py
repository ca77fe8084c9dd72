"""Loaded by every Python of a run that is to be killed: it says when, and counts the work.

hold.txt in the folder of the run holds, in JSON, points by name: `path`, what something is about to
be renamed to (a pattern); or `work`, a kind of work, and `nth`; or `command`, the start of one. At
the first that is come to its name stands in `held.txt`, and all but a command waits for its end.
What was about to get its path is cut short before: so it looks on the disk when the writer is
killed half way.

Lines of work.txt: `begin` or `done`, the kind, and what was worked on.
"""

import functools
import importlib.util
import json
import os
import random
import re
import signal
import sys
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path

HOLD = Path("hold.txt")
POINTS = json.loads(HOLD.read_text(encoding="utf-8")) if HOLD.is_file() else {}
# Module, function, kind of work, and the words that tell one piece of it from another.
WORK = {
    "vqathinker.video.shard": ("decode_into_row", "decode", lambda a: (a[4], a[5])),
    "vqathinker.training.rollouts": ("RolloutSampler.sample", "train", lambda a: (a[3],)),
    "vqathinker.evaluation.predict": (
        *("_ask", "predict"),
        lambda a: (a[0].origin["run"], a[0].origin["benchmark"], a[1][0]),
    ),
    "vqathinker.evaluation.perturbed": (
        *("_ask", "perturbed"),
        lambda a: (a[0].origin["run"], a[0].origin["benchmark"], a[3][0]),
    ),
}


def reached(name: str) -> bool:
    try:
        with Path("held.txt").open("x", encoding="utf-8") as file:
            file.write(name)
    except FileExistsError:
        return False
    return True


def wait_for_the_end() -> None:
    while True:
        signal.pause()


def note(line: str) -> None:
    with Path("work.txt").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def cut_short(part: Path) -> None:
    """Leave a beginning of the file, or of one file of the folder."""
    draw = random.Random(part.name.replace(str(os.getpid()), ""))
    files = sorted(path for path in [part, *part.rglob("*")] if path.is_file())
    half = draw.choice(files)
    os.truncate(half, draw.randrange(half.stat().st_size))
    for later in files[files.index(half) + 1 :]:
        later.unlink()


def on_event(event: str, args: tuple) -> None:
    if event != "os.rename":
        return
    for name, point in POINTS.items():
        if "path" in point and re.search(point["path"], str(args[1])) and reached(name):
            cut_short(Path(args[0]))
            wait_for_the_end()


def counted(function, kind: str, words):
    @functools.wraps(function)
    def count(*args, **named):
        label = f"{kind} {' '.join(map(str, words(args)))}"
        count.times += 1
        note(f"begin {label}")
        for name, point in POINTS.items():
            if point.get("work") == kind and count.times >= point["nth"] and reached(name):
                wait_for_the_end()
        result = function(*args, **named)
        note(f"done {label}")
        return result

    count.times = 0
    return count


class Counting(Loader):
    def __init__(self, loader: Loader, name: str) -> None:
        self.loader, self.name = loader, name

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module) -> None:
        self.loader.exec_module(module)
        path, kind, words = WORK[self.name]
        *owners, last = path.split(".")
        owner = functools.reduce(getattr, owners, module)
        setattr(owner, last, counted(getattr(owner, last), kind, words))


class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in WORK:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        spec.loader = Counting(spec.loader, name)
        return spec


sys.meta_path.insert(0, Finder())
if POINTS:
    sys.addaudithook(on_event)
for NAME, EACH in POINTS.items():
    called = Path("".join(sys.orig_argv[1:2])).name == "vqathinker" and sys.orig_argv[2:4]
    if called and EACH.get("command") in called:
        reached(NAME)
