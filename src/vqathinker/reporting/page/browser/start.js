// What happens when the page is opened.
function choices(id, names, chosen, all) {
  const select = document.getElementById(id);
  if (all) select.append(element("option", all, { value: "" }));
  for (const name of names) select.append(element("option", name, { value: name }));
  if (chosen) select.value = chosen;
}

function startPoints(data) {
  choices("of-run", data.runs, data.run);
  choices("of-place", data.places.map((place) => place.name), null, data.places.length > 1 ? "all of them" : null);
  startList(data);
  list(data);
  for (const id of ["of-run", "of-place", "of-kind"]) {
    document.getElementById(id).addEventListener("change", () => { first = 0; list(data); drawPoints(data); });
  }
}

function openable(data) {
  for (const card of document.querySelectorAll(".card")) {
    const number = data.places.findIndex((place) => place.name === card.dataset.place);
    const all = [...document.querySelectorAll(".card")].map((one) => [data.places.findIndex((place) => place.name === one.dataset.place), Number(one.dataset.row)]);
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
  const data = await contentOf("data");
  const points = document.getElementById("plot-points");
  if (points) startPoints(data);
  openable(data);
  await loadPlotly();
  await drawAll(data, points);
  for (const box of document.querySelectorAll(".plot")) rememberZoom(box);
  points?.on("plotly_click", ({ points: [point] }) => openClip(data, ...point.customdata, rowsOf(data)));
  document.addEventListener("theme", () => drawAll(data, points));
  document.getElementById("of-panel")?.addEventListener("change", () => {
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
    if (!box.firstChild) box.append(element("p", "Plots need a newer browser; their pictures stand in the folder figures beside this page."));
  }
  console.error(error);
});
