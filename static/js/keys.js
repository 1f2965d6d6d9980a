// Keys: "/" finds, "g" and a letter goes, "?" lists.

import { OFF, areKeysWanted } from "./wanted.js";

const CHORD_MS = 1500;
let chordUntil = 0;

function find() {
  const field = [...document.querySelectorAll("[data-key-search], input[type=search]")]
    .find((candidate) => candidate.checkVisibility());
  field?.focus();
  field?.select();
  return Boolean(field);
}

function go(letter) {
  const entry = [...document.querySelectorAll("a[data-key]")].find((link) => link.dataset.key === letter);
  if (entry) location.assign(entry.href);
  return Boolean(entry);
}

function list() {
  const words = document.getElementById("keys-help");
  const dialog = document.getElementById("dialog");
  if (!words || !dialog) return false;
  dialog.replaceChildren(words.content.cloneNode(true));
  const off = dialog.querySelector("[data-keys-off]");
  off.checked = localStorage.getItem(OFF) === "1";
  off.addEventListener("change", () => localStorage.setItem(OFF, off.checked ? "1" : "0"));
  dialog.showModal();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "?" && !event.target.closest("input, textarea, select")) {
    if (list()) event.preventDefault();
    return;
  }
  if (!areKeysWanted(event)) return;
  const now = performance.now();
  if (now < chordUntil) {
    chordUntil = 0;
    if (go(event.key)) event.preventDefault();
  } else if (event.key === "g") {
    chordUntil = now + CHORD_MS;
  } else if (event.key === "/" && find()) {
    event.preventDefault();
  }
});
