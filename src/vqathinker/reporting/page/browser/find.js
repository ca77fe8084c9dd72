// The list of clips: search, sorting, ten per page, and a button for each clip.
const PAGE = 10;
let first = 0;
let sorting = { column: 5, sign: -1 };

function filteredClips(data) {
  const run = selectedRun();
  const wanted = document.getElementById("find").value.trim().toLowerCase();
  const all = data.benchmarks.flatMap((benchmark, number) => (selectedBenchmark() === "" || selectedBenchmark() === benchmark.name
    ? benchmark.video.map((_, row) => [number, row]) : []));
  const cells = ([number, row]) => {
    const benchmark = data.benchmarks[number];
    return [benchmark.video[row], benchmark.name, benchmark.kind[row], benchmark.mos[row], benchmark.scores[run]?.[row] ?? null, scoreError(benchmark, run, row)];
  };
  const names = ([number, row]) => `${data.benchmarks[number].video[row]} ${data.benchmarks[number].kind[row] ?? ""} ${data.benchmarks[number].content[row] ?? ""}`;
  const found = all.filter((one) => !wanted || names(one).toLowerCase().includes(wanted)).map((one) => ({ one, cells: cells(one) }));
  const { column, sign } = sorting;
  const key = (cell) => (column === 5 && cell !== null ? Math.abs(cell) : cell);
  return found.sort((a, b) => compare(key(a.cells[column]), key(b.cells[column]), sign));
}

function drawList(data) {
  const found = filteredClips(data);
  first = Math.max(0, Math.min(first, Math.floor((found.length - 1) / PAGE) * PAGE));
  const order = found.map(({ one }) => one);
  const rows = found.slice(first, first + PAGE).map(({ one, cells }) => {
    const row = element("tr");
    const name = element("td");
    const button = element("button", cells[0], { type: "button" });
    button.addEventListener("click", () => openClip(data, ...one, order));
    name.append(button);
    row.append(name, element("td", cells[1]), element("td", cells[2] ?? "–"));
    for (const number of cells.slice(3)) row.append(element("td", formatNumber(number), { class: "number" }));
    return row;
  });
  document.querySelector("#found tbody").replaceChildren(...rows);
  document.getElementById("found-count").textContent = found.length ? `${first + 1} to ${first + rows.length} of ${found.length}` : "no clip found";
  document.getElementById("before").disabled = first === 0;
  document.getElementById("after").disabled = first + PAGE >= found.length;
}

function startList(data) {
  const table = document.getElementById("found");
  makeSortable(table, (_, heading) => {
    const column = heading.cellIndex;
    const sign = sorting.column === column ? -sorting.sign : column > 2 ? -1 : 1;
    sorting = { column, sign };
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    first = 0;
    drawList(data);
  });
  table.tHead.rows[0].cells[5].setAttribute("aria-sort", "descending");
  document.getElementById("find").addEventListener("input", () => { first = 0; drawList(data); });
  document.getElementById("before").addEventListener("click", () => { first -= PAGE; drawList(data); });
  document.getElementById("after").addEventListener("click", () => { first += PAGE; drawList(data); });
}
