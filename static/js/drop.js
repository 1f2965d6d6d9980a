// The drop zone: <div class="drop" data-drop> around a file field; without a script the field alone does the same.

function zoneOf(event) {
  return event.target instanceof Element ? event.target.closest("[data-drop]") : null;
}

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    const zone = zoneOf(event);
    if (!zone) return;
    event.preventDefault();
    zone.setAttribute("data-over", "");
  });
}

document.addEventListener("dragleave", (event) => {
  const zone = zoneOf(event);
  if (zone && !zone.contains(event.relatedTarget)) zone.removeAttribute("data-over");
});

document.addEventListener("drop", (event) => {
  const zone = zoneOf(event);
  const field = zone?.querySelector("input[type=file]");
  if (!field) return;
  event.preventDefault();
  zone.removeAttribute("data-over");
  if (!event.dataTransfer.files.length) return;
  field.files = event.dataTransfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("change", (event) => {
  const field = event.target.closest("[data-drop] input[type=file]");
  const name = field?.closest("[data-drop]").querySelector("[data-file-name]");
  if (name) name.textContent = field.files.length ? field.files[0].name : "";
});
