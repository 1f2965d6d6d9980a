// Spares a reach for the mouse; every page works without it.
"use strict";

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.key !== "/") return;
  const find = document.querySelector("input[type=search]");
  if (!find) return;
  event.preventDefault();
  find.focus();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.textContent.trim());
  button.setAttribute("aria-label", button.dataset.copied);
});
