// The clips as a list: searched, sorted, ten on a page, each opened by a button.
const PAGE = 10;
let first = 0;
let sorting = { column: 5, sign: -1 };

function listed(data) {
  const run = chosenRun();
  const wanted = document.getElementById("find").value.trim().toLowerCase();
  const all = data.places.flatMap((place, number) => (chosenPlace() === "" || chosenPlace() === place.name
    ? place.video.map((_, row) => [number, row]) : []));
  const cells = ([number, row]) => {
    const place = data.places[number];
    return [place.video[row], place.name, place.kind[row], place.mos[row], place.scores[run]?.[row] ?? null, errorOf(place, run, row)];
  };
  const names = ([number, row]) => `${data.places[number].video[row]} ${data.places[number].kind[row] ?? ""} ${data.places[number].content[row] ?? ""}`;
  const found = all.filter((one) => !wanted || names(one).toLowerCase().includes(wanted)).map((one) => ({ one, cells: cells(one) }));
  const { column, sign } = sorting;
  const key = (cell) => (column === 5 && cell !== null ? Math.abs(cell) : cell);
  return found.sort((a, b) => compare(key(a.cells[column]), key(b.cells[column]), sign));
}

function list(data) {
  const found = listed(data);
  first = Math.max(0, Math.min(first, Math.floor((found.length - 1) / PAGE) * PAGE));
  const order = found.map(({ one }) => one);
  const rows = found.slice(first, first + PAGE).map(({ one, cells }) => {
    const row = element("tr");
    const name = element("td");
    const button = element("button", cells[0], { type: "button" });
    button.addEventListener("click", () => openClip(data, ...one, order));
    name.append(button);
    row.append(name, element("td", cells[1]), element("td", cells[2] ?? "–"));
    for (const number of cells.slice(3)) row.append(element("td", shown(number), { class: "number" }));
    return row;
  });
  document.querySelector("#found tbody").replaceChildren(...rows);
  document.getElementById("found-count").textContent = found.length ? `${first + 1} to ${first + rows.length} of ${found.length}` : "no such clip";
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
    list(data);
  });
  table.tHead.rows[0].cells[5].setAttribute("aria-sort", "descending");
  document.getElementById("find").addEventListener("input", () => { first = 0; list(data); });
  document.getElementById("before").addEventListener("click", () => { first -= PAGE; list(data); });
  document.getElementById("after").addEventListener("click", () => { first += PAGE; list(data); });
}
