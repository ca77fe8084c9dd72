// Setup when the page is opened.
function fillSelect(id, names, chosen, all) {
  const select = document.getElementById(id);
  if (all) select.append(element("option", all, { value: "" }));
  for (const name of names) select.append(element("option", name, { value: name }));
  if (chosen) select.value = chosen;
}

function startPoints(data) {
  fillSelect("run-select", data.runs, data.run);
  fillSelect("benchmark-select", data.benchmarks.map((benchmark) => benchmark.name), null, data.benchmarks.length > 1 ? "all" : null);
  startList(data);
  drawList(data);
  for (const id of ["run-select", "benchmark-select", "plot-select"]) {
    document.getElementById(id).addEventListener("change", () => { first = 0; drawList(data); drawPoints(data); });
  }
}

function listenToCards(data) {
  for (const card of document.querySelectorAll(".card")) {
    const number = data.benchmarks.findIndex((benchmark) => benchmark.name === card.dataset.benchmark);
    const all = [...document.querySelectorAll(".card")].map((one) => [data.benchmarks.findIndex((benchmark) => benchmark.name === one.dataset.benchmark), Number(one.dataset.row)]);
    card.addEventListener("click", () => openClip(data, number, Number(card.dataset.row), all));
  }
}

async function drawAll(data, points) {
  for (const box of document.querySelectorAll("[data-plot]")) await drawNamed(data, box);
  if (points) await drawPoints(data);
}

async function start() {
  followTheme();
  for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
  listenToDialog();
  const data = await loadJson("data");
  const points = document.getElementById("plot-points");
  if (points) startPoints(data);
  listenToCards(data);
  await loadPlotly();
  await drawAll(data, points);
  for (const box of document.querySelectorAll(".plot")) rememberZoom(box);
  points?.on("plotly_click", ({ points: [point] }) => openClip(data, ...point.customdata, scoredClips(data)));
  document.addEventListener("theme", () => drawAll(data, points));
  document.getElementById("curve-select")?.addEventListener("change", () => {
    const box = document.querySelector('[data-plot="curves"]');
    resetZoom(box, () => drawNamed(data, box));
  });
  for (const button of document.querySelectorAll("[data-reset]")) {
    const curve = document.querySelector('[data-plot="curves"]');
    button.addEventListener("click", () => (button.dataset.reset === "points"
      ? resetZoom(points, () => drawPoints(data)) : resetZoom(curve, () => drawNamed(data, curve))));
  }
  root.dataset.ready = "yes";
}

start().catch((error) => {
  for (const box of document.querySelectorAll(".plot")) {
    if (!box.firstChild) box.append(element("p", "Plots need a newer browser; the folder figures next to this page has pictures of them."));
  }
  console.error(error);
});
