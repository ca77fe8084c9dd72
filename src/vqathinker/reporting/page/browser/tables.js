// Sortable tables: a button in each heading, numbers by value, empty cells last.
function sortKey(row, column) {
  const text = row.cells[column].textContent.trim();
  if (text === "–" || text === "") return null;
  const number = parseFloat(text);
  return /^[+-]?[\d.]/.test(text) && !Number.isNaN(number) ? number : text;
}

function compare(first, second, sign) {
  if (first === null || second === null) return (first === null) - (second === null);
  if (typeof first === "number" && typeof second === "number") return sign * (first - second);
  return sign * String(first).localeCompare(String(second), "en", { numeric: true });
}

function sortTable(table, heading) {
  const column = heading.cellIndex;
  const numbers = heading.classList.contains("number");
  const before = heading.getAttribute("aria-sort");
  const order = before === null ? (numbers ? "descending" : "ascending") : before === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  const sign = order === "ascending" ? 1 : -1;
  rows.sort((a, b) => compare(sortKey(a, column), sortKey(b, column), sign));
  table.tBodies[0].append(...rows);
}

function makeSortable(table, sort = sortTable) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = element("button", heading.textContent, { type: "button" });
    heading.replaceChildren(button);
    button.addEventListener("click", () => sort(table, heading));
  }
}
