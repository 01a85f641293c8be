"use strict";
// Progressive enhancement: without this script every table is there, complete and in its own order.

// --- sortable tables ---------------------------------------------------------------------------------------

function sortKey(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  return cell.textContent.trim();
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1; // numbers before texts such as "-"
  if (typeof b === "number") return 1;
  return a.localeCompare(b, "en", { numeric: true });
}

function sortBy(table, column, descending) {
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    const keyed = rows.map((row, place) => ({ row, place, key: sortKey(row, column) }));
    keyed.sort((a, b) => (descending ? compare(b.key, a.key) : compare(a.key, b.key)) || a.place - b.place);
    body.append(...keyed.map((entry) => entry.row));
  }
}

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBy(table, column, descending);
      const order = descending ? "descending" : "ascending";
      document.getElementById("announcement").textContent =
        `Sorted by ${button.textContent.trim()}, ${order}`;
    });
  });
}

document.querySelectorAll("table[data-sortable]").forEach(makeSortable);

// --- figures -----------------------------------------------------------------------------------------------

function foldTable(figure) {
  const region = figure.querySelector(".scroll");
  if (!region) return;
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const caption = region.querySelector("caption");
  summary.textContent = `Data: ${caption ? caption.textContent : "table"}`;
  region.before(details);
  details.append(summary, region);
}

async function draw(figure) {
  const picture = figure.querySelector(".picture");
  const plot = figure.querySelector(".plot");
  plot.hidden = false;
  const spec = JSON.parse(figure.querySelector("script.spec").textContent);
  const narrow = plot.clientWidth < 480;
  spec.config.legend.columns = narrow ? 1 : 4;
  spec.config.text.fontSize = narrow ? 9 : 11;
  if (narrow) spec.config.axis.labelLimit = 120; // names of rows leave room for the marks
  try {
    await window.vegaEmbed(plot, spec, {
      actions: false,
      ast: true, // interpreted expressions: the page forbids eval
      defaultStyle: false,
      renderer: "svg",
      tooltip: { disableDefaultStyle: true },
    });
    picture.hidden = true;
  } catch (error) {
    plot.hidden = true; // the picture above shows the same
    console.error(error);
  }
}

document.querySelectorAll("figure").forEach(foldTable);
if (window.vegaEmbed) document.querySelectorAll("figure").forEach(draw);

// --- print -------------------------------------------------------------------------------------------------

window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((details) => details.setAttribute("open", ""));
});
