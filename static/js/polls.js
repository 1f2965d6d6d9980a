// What asks again by itself rests while nobody looks: a hidden tab costs the portal nothing.

document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.closest("[hx-trigger^='every']")) event.preventDefault();
});
