// Rows of a table marked data-rows: j and k move, x selects; Enter opens, as the focused link does by itself.

import { areKeysWanted } from "./wanted.js";

function show(row, box) {
  row.toggleAttribute("data-picked", box.checked);
  const table = row.closest("table");
  const picked = table.querySelectorAll("tbody input[type=checkbox]:checked").length;
  table.dispatchEvent(new CustomEvent("rows:picked", { bubbles: true, detail: { picked } }));
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
  if (box.closest("thead")) {
    box.closest("table").querySelectorAll("tbody tr").forEach((row) => {
      const own = row.querySelector("input[type=checkbox]");
      if (own) {
        own.checked = box.checked;
        show(row, own);
      }
    });
  } else {
    show(box.closest("tr"), box);
  }
});
