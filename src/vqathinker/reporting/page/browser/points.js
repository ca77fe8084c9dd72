// A point for each clip of a run, thinned where there are very many. Not by WebGL: plotly.js would
// have to make scripts of its own, which the page forbids.
const MANY = 1500;
const THINNED = 4000;
const chosenRun = () => document.getElementById("of-run").value;
const chosenPlace = () => document.getElementById("of-place").value;

const errorOf = (place, run, row) => {
  const score = place.scores[run]?.[row] ?? null;
  return score === null || place.target[row] === null ? null : score - place.target[row];
};

function rowsOf(data) {
  const run = chosenRun();
  const wanted = chosenPlace();
  return data.places.flatMap((place, number) => (wanted === "" || wanted === place.name
    ? place.video.map((_, row) => [number, row]).filter(([, row]) => (place.scores[run]?.[row] ?? null) !== null) : []));
}

function pointOf(place, run, row, kind) {
  const error = errorOf(place, run, row);
  if (kind === "spread") return [place.spreads[run]?.[row] ?? null, error === null ? null : Math.abs(error)];
  return [place.target[row], kind === "error" ? error : place.scores[run][row]];
}

const AXES = {
  score: ["MOS, on the scale of scores", "score"],
  error: ["MOS, on the scale of scores", "score less MOS"],
  spread: ["spread of the score", "distance of score and MOS"],
};

function traceOf(data, rows, number, kind) {
  const place = data.places[number];
  const run = chosenRun();
  const own = rows.filter(([one, row]) => one === number && pointOf(place, run, row, kind).every((value) => value !== null));
  const points = own.map(([, row]) => pointOf(place, run, row, kind));
  return {
    type: "scatter", mode: "markers", name: plain(place.name), x: points.map(([x]) => x), y: points.map(([, y]) => y), customdata: own,
    text: own.map(([, row]) => plain(place.video[row]) + (place.kind[row] ? `, ${plain(place.kind[row])}` : "")),
    hovertemplate: "%{text}<br>%{x:.3f}, %{y:.3f}<extra>%{fullData.name}</extra>",
    marker: { color: `@${1 + (number % 7)}`, size: rows.length > MANY ? 5 : 8, opacity: rows.length > MANY ? 0.5 : 0.75, symbol: number % 6 },
  };
}

function drawPoints(data) {
  const box = document.getElementById("plot-points");
  const kind = document.getElementById("of-kind").value;
  let rows = rowsOf(data);
  const total = rows.length;
  const each = Math.ceil(total / THINNED);
  rows = rows.filter((_, index) => index % each === 0);
  const numbers = [...new Set(rows.map(([number]) => number))];
  const traces = numbers.map((number) => traceOf(data, rows, number, kind));
  const layout = { height: 480, xaxis: { title: { text: AXES[kind][0] } }, yaxis: { title: { text: AXES[kind][1] } }, shapes: diagonal(traces, kind) };
  box.dataset.view = [chosenRun(), chosenPlace(), kind].join("/");
  const thinned = each > 1 ? ` One in ${each} is drawn, to stay quick; a single benchmark has more of its own, and all are in the list.` : "";
  const line = kind === "score" ? " On the dotted line a score is the MOS." : kind === "spread" ? " A policy that knows where it is less sure has points that rise to the right." : "";
  document.getElementById("note-points").textContent = `${total} clips with a score.${thinned}${line} Numbers: figures/scatter.csv.`;
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
