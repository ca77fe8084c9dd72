// A point for each clip of a run, thinned if there are very many. Not WebGL: plotly.js would create
// scripts for it, which the content security policy forbids.
const MANY = 1500;
const MAX_POINTS = 4000;
const selectedRun = () => document.getElementById("run-select").value;
const selectedBenchmark = () => document.getElementById("benchmark-select").value;

const scoreError = (benchmark, run, row) => {
  const score = benchmark.scores[run]?.[row] ?? null;
  return score === null || benchmark.target[row] === null ? null : score - benchmark.target[row];
};

function scoredClips(data) {
  const run = selectedRun();
  const wanted = selectedBenchmark();
  return data.benchmarks.flatMap((benchmark, number) => (wanted === "" || wanted === benchmark.name
    ? benchmark.video.map((_, row) => [number, row]).filter(([, row]) => (benchmark.scores[run]?.[row] ?? null) !== null) : []));
}

function pointValues(benchmark, run, row, kind) {
  const error = scoreError(benchmark, run, row);
  if (kind === "spread") return [benchmark.spreads[run]?.[row] ?? null, error === null ? null : Math.abs(error)];
  return [benchmark.target[row], kind === "error" ? error : benchmark.scores[run][row]];
}

const AXES = {
  score: ["MOS on the score scale", "score"],
  error: ["MOS on the score scale", "score minus MOS"],
  spread: ["spread of the score", "absolute error"],
};

function pointTrace(data, rows, number, kind) {
  const benchmark = data.benchmarks[number];
  const run = selectedRun();
  const own = rows.filter(([one, row]) => one === number && pointValues(benchmark, run, row, kind).every((value) => value !== null));
  const points = own.map(([, row]) => pointValues(benchmark, run, row, kind));
  return {
    type: "scatter", mode: "markers", name: escapeText(benchmark.name), x: points.map(([x]) => x), y: points.map(([, y]) => y), customdata: own,
    text: own.map(([, row]) => escapeText(benchmark.video[row]) + (benchmark.kind[row] ? `, ${escapeText(benchmark.kind[row])}` : "")),
    hovertemplate: "%{text}<br>%{x:.3f}, %{y:.3f}<extra>%{fullData.name}</extra>",
    marker: { color: `@${1 + (number % 7)}`, size: rows.length > MANY ? 5 : 8, opacity: rows.length > MANY ? 0.5 : 0.75, symbol: number % 6 },
  };
}

function drawPoints(data) {
  const box = document.getElementById("plot-points");
  const kind = document.getElementById("plot-select").value;
  let rows = scoredClips(data);
  const total = rows.length;
  const each = Math.ceil(total / MAX_POINTS);
  rows = rows.filter((_, index) => index % each === 0);
  const numbers = [...new Set(rows.map(([number]) => number))];
  const traces = numbers.map((number) => pointTrace(data, rows, number, kind));
  const layout = { height: 480, xaxis: { title: { text: AXES[kind][0] } }, yaxis: { title: { text: AXES[kind][1] } }, shapes: diagonal(traces, kind) };
  box.dataset.view = [selectedRun(), selectedBenchmark(), kind].join("/");
  const thinned = each > 1 ? ` One point in ${each} is drawn. Select one benchmark to see more; the list has all clips.` : "";
  const line = kind === "score" ? " On the dotted line, score and MOS are equal." : kind === "spread" ? " If the spread predicts the error, points rise to the right." : "";
  document.getElementById("note-points").textContent = `${total} clips with a score.${thinned}${line} Data: figures/scatter.csv.`;
  return draw(box, traces, layout);
}

function diagonal(traces, kind) {
  const line = { color: "@text", width: 1, dash: "dot" };
  if (kind === "spread" || !traces.length) return [];
  if (kind === "error") return [{ type: "line", x0: 0, x1: 1, xref: "paper", y0: 0, y1: 0, line }];
  let [low, high] = [Infinity, -Infinity];
  for (const trace of traces) for (const x of trace.x) { low = Math.min(low, x); high = Math.max(high, x); }
  return [{ type: "line", x0: low, y0: low, x1: high, y1: high, line }];
}
