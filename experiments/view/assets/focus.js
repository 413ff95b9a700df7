// Parts are built anew for another sentence or head; who moves by the keyboard must not lose the place.

const FOCUSABLE = "button, select, input, summary, [tabindex]";

/** Makes a change below `root`; if that takes the focused control away, the one at the same place gets the focus. */
export function keepFocus(root, change) {
  const before = document.activeElement;
  const part = before?.closest("[data-part]");
  const place = part ? [...part.querySelectorAll(FOCUSABLE)].indexOf(before) : -1;
  const name = part?.dataset.part;
  change();
  if (place < 0 || before.isConnected) return;
  const parts = [...root.querySelectorAll("[data-part]")].filter((node) => node.dataset.part === name);
  const now = parts.flatMap((node) => [...node.querySelectorAll(FOCUSABLE)]);
  now[Math.min(place, now.length - 1)]?.focus({ preventScroll: true });
}

/** Gives the focus to the first of some nodes that is there and in sight of anyone. */
export function focusFirst(...nodes) {
  nodes.find((node) => node?.checkVisibility())?.focus();
}
