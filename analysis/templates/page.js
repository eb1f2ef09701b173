"use strict";

// Sorting: the measured number decides, not its text; equal rows keep their order.
function sortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = [...table.tBodies[0].rows].map((row) => [key(row.cells[column]), row]);
      keyed.sort(([a], [b]) => (down ? -1 : 1) * compare(a, b));
      table.tBodies[0].append(...keyed.map(([, row]) => row));
    });
  });
}

document.querySelectorAll("table.sortable").forEach(sortable);

// A cell without a key is sorted by its text.
function key(cell) {
  return cell.dataset.key ?? cell.textContent.toLowerCase();
}

function compare(a, b) {
  const [x, y] = [a, b].map((text) => (text === "" ? NaN : Number(text.replace(/^(-?)inf$/, "$1Infinity"))));
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y || 0; // of two infinities 0
}

// Highlighting: chosen models stand out in every figure, and tables of cells show them alone.
const chosen = new Set();
for (const chip of document.querySelectorAll(".chip")) {
  chip.addEventListener("click", () => {
    const name = chip.dataset.series;
    if (!chosen.delete(name)) chosen.add(name);
    chip.setAttribute("aria-pressed", String(chosen.has(name)));
    document.body.classList.toggle("choosing", chosen.size > 0);
    for (const drawn of document.querySelectorAll(".series")) drawn.classList.toggle("chosen", chosen.has(drawn.dataset.series));
    document.querySelectorAll("details table").forEach(showRows);
  });
}

// Filtering: a row stays if it holds every word.
function showRows(table) {
  const field = table.closest("details").querySelector(".filter");
  const words = field ? field.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
  for (const row of table.tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    const other = chosen.size > 0 && row.dataset.series && !chosen.has(row.dataset.series);
    row.hidden = other || !words.every((word) => text.includes(word));
  }
}
for (const field of document.querySelectorAll(".filter")) {
  field.addEventListener("input", () => field.closest("details").querySelectorAll("table").forEach(showRows));
}
