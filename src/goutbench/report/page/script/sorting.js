"use strict";
// The columns of the results: a click on a header sorts by it.
// what a column is sorted by: its share, its number, or its text; a dash is no value
function sortKey(row, at) {
  const cell = row.cells[at], text = (cell.querySelector("a") ?? cell).firstChild?.textContent.trim() ?? "";
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  if (text === "–" || text === "") return null;
  return /^[\d.,]+$/.test(text) ? Number(text.replaceAll(",", "")) : text;
}

function sortBy(table, at, descending) {
  const body = table.tBodies[0], order = descending ? -1 : 1;
  const keyed = [...body.rows].map(row => [sortKey(row, at), row]);
  keyed.sort(([a], [b]) => a === b ? 0 : a === null ? 1 : b === null ? -1 : order * (a < b ? -1 : 1));
  body.append(...keyed.map(([, row]) => row));
  for (const th of table.tHead.rows[0].cells) th.removeAttribute("aria-sort");
  table.tHead.rows[0].cells[at].setAttribute("aria-sort", descending ? "descending" : "ascending");
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((th, at) => {
    const button = make("button", th.textContent, "sort");
    button.type = "button";
    button.addEventListener("click", () => {
      const sorted = th.getAttribute("aria-sort");
      sortBy(table, at, sorted ? sorted === "ascending" : at > 0);
    });
    th.replaceChildren(button);
  });
  const keys = [...table.tBodies[0].rows].map(row => sortKey(row, 1) ?? -1);
  if (keys.every((key, at) => !at || keys[at - 1] >= key)) table.tHead.rows[0].cells[1].setAttribute("aria-sort", "descending");
}

document.querySelectorAll("table.leaderboard").forEach(makeSortable);
