// Whether single keys act now: not while typing, not in a dialog, not for a reader who switched them off (WCAG 2.1.4).

export const OFF = "tlsportal.keys.off";

export function areKeysWanted(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog")) return false;
  return localStorage.getItem(OFF) !== "1";
}
