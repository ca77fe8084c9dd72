// One clip, opened: frames, MOS, what each run said of it, and its perturbed copies.
const dialog = document.getElementById("clip");
let opened = null; // { data, number, row, order }

function facts(place, row) {
  const list = element("p", "", { class: "muted" });
  const known = [`MOS ${shown(place.mos[row])}`];
  if (place.target[row] !== place.mos[row]) known.push(`on the scale of scores ${shown(place.target[row])}`);
  if (place.kind[row]) known.push(`kind ${place.kind[row]}`);
  if (place.content[row]) known.push(`content ${place.content[row]}`);
  if (place.facts[row]) known.push(place.facts[row]);
  list.textContent = known.join(" · ");
  return list;
}

const METHODS = {
  mean: "The mean score is that of several drawn answers.",
  expected: "The expected score is the mean over all numbers that the policy may answer, by their probability.",
};

function verdict(place, row, run, texts) {
  const method = place.methods[run] ?? "greedy";
  const score = place.scores[run]?.[row] ?? null;
  const spread = place.spreads[run]?.[row] ?? null;
  const status = texts.status[run]?.[row] ?? null;
  const parts = [element("h3", `${run}: ${method} score ${shown(score)}${spread === null ? "" : ` ± ${shown(spread)}`}`)];
  if (status === null) parts.push(element("p", "It was not asked about this clip.", { class: "muted" }));
  else {
    if (status !== "ok") parts.push(element("p", `The answer could not be read: ${status}.`));
    const explained = [METHODS[method], "The number in the likeliest answer, below, is the greedy score."];
    parts.push(element("p", explained.filter(Boolean).join(" "), { class: "muted" }));
    const said = texts.completion[run][row];
    if (said === false) parts.push(element("p", `This page is too small for every answer: this one stands in predictions/${run}/${place.name}.parquet.`, { class: "muted" }));
    else parts.push(element("blockquote", said || "(nothing)"));
  }
  return parts;
}

function copies(place, row, run, texts) {
  const told = texts.copies[run]?.[row];
  if (!told?.length) return [];
  const raw = place.scores[run]?.[row] ?? null;
  const part = element("details");
  part.open = run === opened.data.run;
  part.append(element("summary", `Perturbed copies, as ${run} scores them`));
  for (const [kind, score, said, order] of told) {
    const line = element("div", "", { class: "copy" });
    const words = element("div", `${kind.replaceAll("_", " ")}: `);
    words.append(element("strong", shown(score)));
    if (score !== null && raw !== null) words.append(` (${score > raw ? "above" : score < raw ? "below" : "as"} the clip)`);
    words.title = said || "";
    const places = order.map((index) => (index < 0 ? "blank" : index + 1)).join(", ");
    line.append(words, stripOf(place, row, order, `Frames in the order ${places}`) ?? element("span", places));
    part.append(line);
  }
  return [part];
}

async function fill() {
  const { data, number, row, order } = opened;
  const place = data.places[number];
  document.getElementById("clip-name").textContent = `${place.video[row]} of ${place.name}`;
  const texts = await contentOf(`texts-${number}`);
  const frames = stripOf(place, row, null, `Frames of ${place.video[row]}, in the order of time`);
  const body = document.getElementById("clip-body");
  body.replaceChildren(facts(place, row), frames ?? element("p", place.why[row] ?? "Its frames are not here."));
  const runs = [data.run, ...data.runs.filter((run) => run !== data.run)];
  for (const run of runs) body.append(...verdict(place, row, run, texts), ...copies(place, row, run, texts));
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

// `order` is the list of [benchmark, row] that Previous and Next go through.
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
