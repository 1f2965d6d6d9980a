// Rows of a table marked data-rows: j and k move, x selects; Enter opens, as the focused link does by itself.
// A click with Shift takes all rows between; [data-picked-count] beside the table says how many are selected.

import { areKeysWanted } from "./wanted.js";

let anchor = null;

function boxes(table) {
  return [...table.querySelectorAll("tbody input[type=checkbox]")];
}

function show(table) {
  const all = boxes(table);
  for (const box of all) box.closest("tr").toggleAttribute("data-picked", box.checked);
  const picked = all.filter((box) => box.checked).length;
  const head = table.querySelector("thead input[type=checkbox]");
  if (head) {
    head.checked = picked > 0 && picked === all.length;
    head.indeterminate = picked > 0 && picked < all.length;
  }
  const words = table.closest("form")?.querySelector("[data-picked-count]");
  if (words) words.textContent = picked ? words.dataset.some.replace("#", String(picked)) : words.dataset.none;
  table.dispatchEvent(new CustomEvent("rows:picked", { bubbles: true, detail: { picked } }));
}

function range(box) {
  const all = boxes(box.closest("table"));
  const [from, to] = [all.indexOf(anchor), all.indexOf(box)].sort((one, other) => one - other);
  if (from >= 0) for (const between of all.slice(from, to + 1)) between.checked = box.checked;
}

function move(step) {
  const links = [...document.querySelectorAll("table[data-rows] tbody a.name")];
  if (!links.length) return;
  const here = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const next = here < 0 ? 0 : Math.min(Math.max(here + step, 0), links.length - 1);
  links[next].focus();
  links[next].closest("tr").scrollIntoView({ block: "nearest" });
}

function select() {
  const row = document.activeElement?.closest("table[data-rows] tbody tr");
  row?.querySelector("input[type=checkbox]")?.click();
}

document.addEventListener("keydown", (event) => {
  if (!areKeysWanted(event)) return;
  const act = { j: () => move(1), k: () => move(-1), x: select }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

document.addEventListener("change", (event) => {
  const box = event.target.closest("table[data-rows] input[type=checkbox]");
  if (!box) return;
  const table = box.closest("table");
  if (box.closest("thead")) for (const own of boxes(table)) own.checked = box.checked;
  show(table);
});

document.addEventListener("click", (event) => {
  const box = event.target.closest("table[data-rows] tbody input[type=checkbox]");
  if (!box) return;
  if (event.shiftKey && anchor) range(box);
  anchor = box;
  show(box.closest("table"));
});

// A browser may come back to a page with its boxes ticked.
window.addEventListener("pageshow", () => document.querySelectorAll("form table[data-rows]").forEach(show));
