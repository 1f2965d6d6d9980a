// Toasts: <div class="toast1" data-seconds="30">, put into #toasts by the server's answer, leaves when its time is up.
// The time stands still while the pointer or the focus is on it.

const region = document.getElementById("toasts");

function start(toast) {
  let left = Number(toast.dataset.seconds);
  if (!left) return;
  const word = toast.querySelector("[data-left]");
  const clock = setInterval(() => {
    if (toast.matches(":hover, :focus-within")) return;
    left -= 1;
    if (word) word.textContent = String(left);
    if (left <= 0 || !toast.isConnected) {
      clearInterval(clock);
      toast.remove();
    }
  }, 1000);
}

if (region) {
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node instanceof HTMLElement) start(node);
    }
  }).observe(region, { childList: true });
  region.querySelectorAll("[data-seconds]").forEach(start);
}
