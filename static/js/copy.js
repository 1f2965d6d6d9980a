// Copy buttons: <button data-copy="id of the text" data-copied="word for done">. Shown only where a script runs.

const SHOWN_MS = 2000;

function unbroken(source) {
  return "value" in source ? source.value : source.textContent.trim();
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) return;
  const word = button.querySelector("[data-word]") ?? button;
  const before = word.textContent;
  await navigator.clipboard.writeText(unbroken(source));
  word.textContent = button.dataset.copied || before;
  setTimeout(() => { word.textContent = before; }, SHOWN_MS);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
document.documentElement.classList.add("has-script");
