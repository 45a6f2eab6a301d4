// Sorts a table by the column whose head is pressed: the other way round when pressed again. What a
// cell is sorted by is its data-value, else its text; a cell with nothing comes last.
"use strict";

for (const table of document.querySelectorAll("table[data-sorts]")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const arrow = document.createElement("span");
    arrow.setAttribute("aria-hidden", "true");
    button.append(arrow);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) {
        other.removeAttribute("aria-sort");
        other.querySelector("button > span:last-child").textContent = "";
      }
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      arrow.textContent = down ? "\u2193" : "\u2191";
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], down)));
    });
  });
}

function compare(a, b, down) {
  const [one, other] = [key(a), key(b)];
  if (one === "" || other === "") return (one === "") - (other === "");
  const order = typeof one === "number" && typeof other === "number"
    ? one - other
    : String(one).localeCompare(String(other));
  return down ? -order : order;
}

function key(cell) {
  const told = cell.dataset.value;
  if (told === undefined) return cell.textContent.trim();
  return told === "" ? "" : Number(told);
}
