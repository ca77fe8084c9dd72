// The dialog of one clip: frames, MOS, the answer of each run, and its perturbed copies.
const dialog = document.getElementById("clip");
let opened = null; // { data, number, row, order }

function facts(benchmark, row) {
  const paragraph = element("p", "", { class: "muted" });
  const known = [`MOS ${formatNumber(benchmark.mos[row])}`];
  if (benchmark.target[row] !== benchmark.mos[row]) known.push(`on the score scale ${formatNumber(benchmark.target[row])}`);
  if (benchmark.kind[row]) known.push(`kind ${benchmark.kind[row]}`);
  if (benchmark.content[row]) known.push(`content ${benchmark.content[row]}`);
  if (benchmark.facts[row]) known.push(benchmark.facts[row]);
  paragraph.textContent = known.join(" · ");
  return paragraph;
}

const METHODS = {
  mean: "The mean score is the mean of several sampled answers; ± is their standard deviation.",
  expected: "The expected score is the mean of all possible answers, weighted by their probability; ± is the standard deviation.",
};

function runResult(benchmark, row, run, texts) {
  const method = benchmark.methods[run] ?? "greedy";
  const score = benchmark.scores[run]?.[row] ?? null;
  const spread = benchmark.spreads[run]?.[row] ?? null;
  const status = texts.status[run]?.[row] ?? null;
  const parts = [element("h3", `${run}: ${method} score ${formatNumber(score)}${spread === null ? "" : ` ± ${formatNumber(spread)}`}`)];
  if (status === null) parts.push(element("p", "No prediction for this clip.", { class: "muted" }));
  else {
    if (status !== "ok") parts.push(element("p", `The answer has no score: ${status}.`));
    const explained = [METHODS[method], "The greedy score is the number in the greedy answer below."];
    parts.push(element("p", explained.filter(Boolean).join(" "), { class: "muted" }));
    const completion = texts.completion[run][row];
    if (completion === false) parts.push(element("p", `This answer is left out of the page; see predictions/${run}/${benchmark.name}.parquet.`, { class: "muted" }));
    else parts.push(element("blockquote", completion || "(empty)"));
  }
  return parts;
}

function copies(benchmark, row, run, texts) {
  const perturbed = texts.copies[run]?.[row];
  if (!perturbed?.length) return [];
  const raw = benchmark.scores[run]?.[row] ?? null;
  const part = element("details");
  part.open = run === opened.data.run;
  part.append(element("summary", `Scores of ${run} on perturbed copies`));
  for (const [kind, score, completion, order] of perturbed) {
    const line = element("div", "", { class: "copy" });
    const words = element("div", `${kind.replaceAll("_", " ")}: `);
    words.append(element("strong", formatNumber(score)));
    if (score !== null && raw !== null) words.append(` (${score > raw ? "above" : score < raw ? "below" : "equal to"} the clip)`);
    words.title = completion || "";
    const places = order.map((index) => (index < 0 ? "blank" : index + 1)).join(", ");
    line.append(words, frameStrip(benchmark, row, order, `Frames in the order ${places}`) ?? element("span", places));
    part.append(line);
  }
  return [part];
}

async function fill() {
  const { data, number, row, order } = opened;
  const benchmark = data.benchmarks[number];
  document.getElementById("clip-name").textContent = `${benchmark.video[row]} of ${benchmark.name}`;
  const texts = await loadJson(`texts-${number}`);
  const frames = frameStrip(benchmark, row, null, `Frames of ${benchmark.video[row]}, in temporal order`);
  const body = document.getElementById("clip-body");
  body.replaceChildren(facts(benchmark, row), frames ?? element("p", benchmark.failure[row] ?? "No frames available."));
  const runs = [data.run, ...data.runs.filter((run) => run !== data.run)];
  for (const run of runs) body.append(...runResult(benchmark, row, run, texts), ...copies(benchmark, row, run, texts));
  body.scrollTop = dialog.scrollTop = 0;
  const at = order.findIndex(([one, other]) => one === number && other === row);
  document.getElementById("clip-before").disabled = at <= 0;
  document.getElementById("clip-after").disabled = at < 0 || at + 1 >= order.length;
}

function step(by) {
  const at = opened.order.findIndex(([number, row]) => number === opened.number && row === opened.row);
  const next = opened.order[at + by];
  if (!next) return;
  [opened.number, opened.row] = next;
  fill();
}

// `order` is the list of [benchmark, row] for the buttons Previous and Next.
async function openClip(data, number, row, order) {
  opened = { data, number, row, order };
  await fill();
  if (!dialog.open) dialog.showModal();
}

function listenToDialog() {
  document.getElementById("clip-close").addEventListener("click", () => dialog.close());
  document.getElementById("clip-before").addEventListener("click", () => step(-1));
  document.getElementById("clip-after").addEventListener("click", () => step(1));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
}
