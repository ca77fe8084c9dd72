"""The main table: our runs and published results, in-domain and out-of-distribution.

It has a line for each method on each benchmark, and for its averages over the benchmarks of a
domain: weighted by the number of videos, as published (docs/method.md, section 6), and with equal
weights. Averages over only some of a domain's benchmarks get no rank.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqathinker.evaluation.origins import MISSING_SETS
from vqathinker.params import DataParams, ReportParams, load_section
from vqathinker.phases.parameters import read_params
from vqathinker.reporting.formats import (
    COUNT_COLUMNS,
    FILES,
    INTERVAL_ENDS,
    MEASURES,
    Cell,
    Column,
    Grid,
    Row,
    Table,
    format_cell,
    format_difference,
    format_interval,
)
from vqathinker.reporting.published import PAPER_METHOD, PUBLISHED, SOURCE_TYPES, read_published

Line = dict[str, Any]
# Run, measure, benchmarks and weights to the ends of the interval of the average.
AverageInterval = Callable[
    [str, str, Sequence[str], Sequence[int]], tuple[float | None, float | None]
]

AVERAGES = ("average", "average, equal weights")
_MEASURE_COLUMNS = (
    "{}", "{}_low", "{}_high", "{}_rank", "paper_{}", "{}_difference", "paper_{}_in_interval",
)  # fmt: skip
MAIN_COLUMNS = (
    "ours", "method", "training_data", "score", "domain", "benchmark", "benchmarks", *COUNT_COLUMNS,
    *(name.format(measure) for measure in MEASURES for name in _MEASURE_COLUMNS),
    "source_type", "comparable", "source", "reason",
)  # fmt: skip
_KEY = ("method", "training_data", "score", "domain", "benchmark", "source_type")
HEADINGS = {"srcc": "SRCC", "plcc": "PLCC"}
_LEGEND = (
    "The best of a column is bold, the second best italic (underlined in LaTeX), at three "
    "decimals. Methods that were trained on the benchmark itself, or tested under another "
    "protocol, get no rank. Averages are weighted by the number of videos. An average over only "
    "some benchmarks of the domain, such as (1 of 2), gets no rank."
)


class ReportScale(NamedTuple):
    """The scale as the report needs it.

    `domains` maps each benchmark to its domain, in the order of columns; `counts` maps it to the
    number of its labels. `runs` are the resolved rows of params.yaml, `method` is the run that
    others are compared with, and `train_set` is the set that all of them are trained on.
    """

    train_set: str
    domains: Mapping[str, str]
    counts: Mapping[str, int]
    runs: Mapping[str, Mapping[str, Any]]
    method: str

    def benchmarks(self, domain: str) -> list[str]:
        """The benchmarks of one domain."""
        return [name for name, of in self.domains.items() if of == domain]


def load_report_scale(path: Path) -> ReportScale:
    """Read the scale from params.yaml or from the parameter file of a report job."""
    data = load_section(path, DataParams)
    domains = {
        **dict.fromkeys(data.in_domain, "in-domain"),
        **dict.fromkeys(data.out_of_distribution, "out-of-distribution"),
    }
    method = load_section(path, ReportParams).method
    return ReportScale(data.train, domains, dict(data.counts), read_params(path)["runs"], method)


def main_table(
    scale: ReportScale, results: Sequence[Row], interval: AverageInterval, notes: Sequence[str]
) -> Table:
    """The table `main`; `notes` appear below the grid of our runs."""
    lines = main_lines(scale, read_published(), results, interval)
    return Table("main", "", MAIN_COLUMNS, _KEY, lines, 9, main_grids(scale, lines, notes))


def main_lines(
    scale: ReportScale,
    published: Sequence[Row],
    results: Sequence[Mapping[str, Any]],
    average_interval: AverageInterval,
) -> list[Line]:
    """Every line of the main table, published ones first, with the keys `MAIN_COLUMNS` and `FILES`.

    `results` are metrics of our runs. Published rows of other benchmarks are left out. The rank is
    1 for the best of a benchmark at three decimals and 2 for the second best; equal values share a
    rank. `paper_*_in_interval` says whether our interval contains VQAThinker's published value, or
    for an average, the average of its values on the same benchmarks.
    """
    theirs = _published_lines(scale, published)
    target = {
        (line["benchmark"], measure): line[measure]
        for line in theirs
        if line["method"] == PAPER_METHOD and line["benchmarks"] == 1
        for measure in MEASURES
    }
    ours = _our_lines(scale, results, average_interval)
    for line in ours:
        _compare_with_paper(scale, line, target)
    _rank(scale, [*theirs, *ours])
    return [{name: line[name] for name in (*MAIN_COLUMNS, FILES)} for line in (*theirs, *ours)]


def _published_lines(scale: ReportScale, published: Sequence[Row]) -> list[Line]:
    methods: dict[tuple[Any, ...], list[Line]] = {}  # in the order of the file
    order = list(scale.domains)
    for row in published:
        if (name := row["benchmark"]) in scale.domains:
            key = row["method"], row["training_data"], row["source_type"] == "independent"
            line = _line(scale, **row, n=scale.counts[name], ours=False, files=[PUBLISHED])
            methods.setdefault(key, []).append(line)
    for own in methods.values():
        own.sort(key=lambda line: order.index(line["benchmark"]))
    return [line for own in methods.values() for line in (*own, *_averages(scale, own))]


def _our_lines(
    scale: ReportScale, results: Sequence[Mapping[str, Any]], interval: AverageInterval
) -> list[Line]:
    by_run: dict[tuple[str, str], list[Line]] = {}
    for result in results:
        for line in _lines_of(scale, result):
            by_run.setdefault((line["method"], line["score"]), []).append(line)
    lines = []
    for own in by_run.values():
        averages = list(_averages(scale, own))
        for line in averages:
            for measure in MEASURES if line["main_score"] else ():
                ends = interval(line["method"], measure, line["over"], _weights(scale, line))
                line[f"{measure}_low"], line[f"{measure}_high"] = ends
        lines += [*own, *averages]
    return lines


def _lines_of(scale: ReportScale, result: Mapping[str, Any]) -> Iterator[Line]:
    """A line for the main kind of score, then one for each other kind."""
    trained = scale.runs.get(result["run"], {}).get("train", False)
    measures = result.get("measures", {})
    known = {
        "method": result["run"], "training_data": scale.train_set if trained else None,
        "benchmark": result["benchmark"], "score": result["score"], "ours": True,
        "comparable": True,
        "missing": MISSING_SETS in result.get("provenance", {}), FILES: result[FILES],
        **{name: result.get(name) for name in (*COUNT_COLUMNS, *MEASURES, "reason")},
    }  # fmt: skip
    bounds = {bound: measures.get(bound[:4], {}).get(bound[5:]) for bound in INTERVAL_ENDS}
    yield _line(scale, **known, **bounds)
    for kind, found in result["by_score"].items():
        if kind != result["score"]:
            no_score = result["n"] - result["n_missing"] - result["n_damaged"] - found["n_scored"]
            values = {name: found[name] for name in (*MEASURES, "reason")}
            other = {"n_no_score": no_score, "score": kind, "main_score": False}
            yield _line(scale, **{**known, **values, **other})


def _line(scale: ReportScale, benchmark: str, **known: Any) -> Line:
    about = {"benchmark": benchmark, "domain": scale.domains[benchmark], "benchmarks": 1}
    more = {"over": [benchmark], "missing": False, "main_score": True}
    return {**dict.fromkeys(MAIN_COLUMNS), **about, **more, **known}


def _averages(scale: ReportScale, lines: Sequence[Line]) -> Iterator[Line]:
    """Averages over the available benchmarks of each domain; none for a domain without any."""
    for domain in dict.fromkeys(scale.domains.values()):
        available = [line for line in lines if line["domain"] == domain and not line["missing"]]
        if not available:
            continue
        names = [line["benchmark"] for line in available]
        missing = [name for name in scale.benchmarks(domain) if name not in names]
        reasons = [line["reason"] for line in available if line["srcc"] is None and line["reason"]]
        reasons += [f"without {', '.join(missing)}"] if missing else []
        types = dict.fromkeys(line["source_type"] for line in available if line["source_type"])
        shared = {
            **available[0], **dict.fromkeys(INTERVAL_ENDS),
            "source_type": " and ".join(types) or None, "benchmarks": len(available), "over": names,
            FILES: list(dict.fromkeys(path for line in available for path in line[FILES])),
            "reason": "; ".join(reasons) or None,
            **{name: _sum([line[name] for line in available]) for name in COUNT_COLUMNS},
        }  # fmt: skip
        for average in AVERAGES:
            weights = [1 if average == AVERAGES[1] else line["n"] for line in available]
            means = {name: _mean([line[name] for line in available], weights) for name in MEASURES}
            yield {**shared, **means, "benchmark": average}


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _mean(values: Sequence[float | None], weights: Sequence[int]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return sum(v * w for v, w in zip(known, weights, strict=True)) / sum(weights)


def _weights(scale: ReportScale, line: Line) -> list[int]:
    equal = line["benchmark"] == AVERAGES[1]
    return [1 if equal else scale.counts.get(name, 1) for name in line["over"]]


def _compare_with_paper(
    scale: ReportScale, line: Line, target: Mapping[tuple[str, str], float]
) -> None:
    """Add the paper's value, the difference from it, and whether our interval contains it."""
    for measure in MEASURES:
        value, low, high = (line[f"{measure}{end}"] for end in ("", "_low", "_high"))
        theirs = _mean(
            [target.get((name, measure)) for name in line["over"]], _weights(scale, line)
        )
        line[f"paper_{measure}"] = theirs
        if theirs is None:
            continue
        line[FILES] = list(dict.fromkeys([*line[FILES], PUBLISHED]))
        if value is not None:
            line[f"{measure}_difference"] = value - theirs
            if low is not None and high is not None:
                line[f"paper_{measure}_in_interval"] = low <= theirs <= high


def _rank(scale: ReportScale, lines: Sequence[Line]) -> None:
    """Rank the best and second best of each benchmark, and of averages over a whole domain."""
    columns: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        of = len(scale.benchmarks(line["domain"])) if line["benchmark"] in AVERAGES else 1
        if line["comparable"] and line["benchmarks"] == of:
            columns.setdefault((line["domain"], line["benchmark"]), []).append(line)
    for rows in columns.values():
        for measure in MEASURES:
            known = [line for line in rows if line[measure] is not None]
            best = sorted({round(line[measure], 3) for line in known}, reverse=True)[:2]
            for line in known:
                if (value := round(line[measure], 3)) in best:
                    line[f"{measure}_rank"] = best.index(value) + 1


def main_grids(
    scale: ReportScale,
    lines: Sequence[Line],
    notes: Sequence[str] = (),
    *,
    intervals: bool = False,
) -> list[Grid]:
    """A grid for each domain, then one with the details of our runs and `notes` below it.

    With `intervals`, our rows in the grids of domains also show their intervals.
    """
    domains = dict.fromkeys(scale.domains.values())
    grids = [_domain_grid(scale, lines, domain, intervals) for domain in domains]
    return [*grids, _our_grid([line for line in lines if line["ours"]], notes)]


def _domain_grid(scale: ReportScale, lines: Sequence[Line], domain: str, intervals: bool) -> Grid:
    names = [*scale.benchmarks(domain), AVERAGES[0]]
    columns = [Column(name, number=False) for name in ("method", "trained on", "source type")]
    columns += [Column(HEADINGS[m], group=name) for name in names for m in MEASURES]
    methods: dict[tuple[Any, ...], dict[str, Line]] = {}
    for line in lines:
        if line["domain"] == domain:
            independent = line["source_type"] == "independent"
            key = (line["ours"], line["method"], line["training_data"], line["score"], independent)
            methods.setdefault(key, {})[line["benchmark"]] = line
    blocks: dict[bool, list[list[Cell]]] = {False: [], True: []}
    for (ours, method, trained_on, score, _), of in methods.items():
        first = [f"{method} ({score})" if ours else method, format_cell(trained_on),
                 "ours" if ours else _source_types(of)]  # fmt: skip
        cells = [
            _cell(of.get(name), m, len(names) - 1, intervals) for name in names for m in MEASURES
        ]
        blocks[ours].append([*map(Cell, first), *cells])
    sure = {line["source_type"] for line in lines if line["domain"] == domain}
    notes = [_LEGEND, *(f"{word}: {text}." for word, text in SOURCE_TYPES.items() if word in sure)]
    return Grid(f"Main table, {domain}", columns, list(filter(None, blocks.values())), notes)


def _source_types(of: Mapping[str, Line]) -> str:
    """The most frequent source type of a method's values, then exceptions by benchmark."""
    words = {name: str(line["source_type"]) for name, line in of.items() if name not in AVERAGES}
    most, _ = Counter(words.values()).most_common(1)[0]
    return "; ".join([most, *(f"{name} {word}" for name, word in words.items() if word != most)])


def _cell(line: Line | None, measure: str, total: int, intervals: bool) -> Cell:
    if line is None or line[measure] is None:
        return Cell("–")
    text = format_cell(line[measure])
    if intervals:
        text = format_interval(line[measure], line[f"{measure}_low"], line[f"{measure}_high"])
    if line["benchmark"] in AVERAGES and line["benchmarks"] < total:
        text += f" ({line['benchmarks']} of {total})"
    return Cell(text, line[f"{measure}_rank"])


def _our_grid(lines: Sequence[Line], notes: Sequence[str]) -> Grid:
    published = any(line["paper_srcc"] is not None for line in lines)
    named = {"run": "method", "score": "score", "domain": "domain", "benchmark": "benchmark"}
    counted = dict(zip(("n", "missing", "damaged", "no score"), COUNT_COLUMNS, strict=True))
    of_measure = ["ours", "paper", "difference", "in interval"][: 4 if published else 1]
    columns = [Column(name, number=False) for name in named] + [Column(name) for name in counted]
    columns += [Column(name, group=HEADINGS[m]) for m in MEASURES for name in of_measure]
    of_run: dict[str, list[list[Cell]]] = {}
    for line in (line for line in lines if line["benchmark"] != AVERAGES[1]):
        texts = [format_cell(line[name]) for name in (*named.values(), *counted.values())]
        for measure in MEASURES:
            own = [
                format_interval(line[measure], line[f"{measure}_low"], line[f"{measure}_high"]),
                format_cell(line[f"paper_{measure}"]),
                format_difference(line[f"{measure}_difference"]),
                format_cell(line[f"paper_{measure}_in_interval"]),
            ]
            texts += own[: len(of_measure)]
        of_run.setdefault(line["method"], []).append([Cell(text) for text in texts])
    reasons = dict.fromkeys(
        f"{line['benchmark']}: {line['reason']}."
        for line in lines
        if line["reason"] and line["benchmark"] not in AVERAGES
    )
    legend = ["Brackets: 95 % interval of our value." if of_run else "No run has results yet."]
    if published:
        legend.append(
            f"paper: value of {PAPER_METHOD}, averaged over the same benchmarks; in interval: "
            "whether it is inside our interval."
        )
    return Grid("Our runs", columns, list(of_run.values()), [*legend, *reasons, *notes])
