// The page around this one. Inside TensorBoard, whose pages have the same origin: its address and theme; elsewhere the
// browser's.
// TensorBoard has a message that reads the address (GetURLPluginData), but none that writes it, and its answer comes
// late.

const PLUGIN = "catmat";

/** The parent page's document, if it is TensorBoard's and this page may look at it. */
function parentPage() {
  try {
    return window.parent === window ? null : window.parent.document && window.parent;
  } catch {
    return null;
  }
}

/** Calls `changed("light" | "dark")` now and after each change. */
export function watchTheme(changed) {
  const body = parentPage()?.document.body;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const tell = () => {
    const dark = body ? body.classList.contains("dark-mode") : system.matches;
    changed(dark ? "dark" : "light");
  };
  if (body) new MutationObserver(tell).observe(body, { attributes: true, attributeFilter: ["class"] });
  else system.addEventListener("change", tell);
  tell();
}

/** The values that the address holds for this tab: p.catmat.NAME=VALUE behind the #. */
export function readAddress() {
  const page = parentPage();
  const prefix = page ? `p.${PLUGIN}.` : "";
  const values = {};
  for (const pair of (page ?? window).location.hash.slice(1).split("&")) {
    const [name, value, ...more] = pair.split("=").map(plain);
    if (value !== undefined && !more.length && name.startsWith(prefix)) values[name.slice(prefix.length)] = value;
  }
  return values;
}

function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a person typed a lone %
  }
}

/** Calls `changed(values)` when a person puts other values into the address, a link pasted over it for example. */
export function watchAddress(changed) {
  const page = parentPage() ?? window;
  page.addEventListener("hashchange", () => {
    const values = readAddress();
    const said = JSON.stringify(Object.entries(values).sort());
    if (said !== written && Object.keys(values).length) changed(values);
    written = said;
  });
}

let written = null; // what the address holds of ours

/** Puts values into the address; TensorBoard has no message for it, but its page lies on the same origin. */
export function writeAddress(values) {
  try {
    const page = parentPage() ?? window;
    page.history.replaceState(page.history.state, "", addressWith(values));
    written = JSON.stringify(Object.entries(readAddress()).sort());
  } catch {
    // the address stays as it was: "Copy link" still gives the right one
  }
}

/** The whole address of the page with these values. */
export function addressWith(values) {
  const page = parentPage();
  const url = new URL((page ?? window).location.href);
  const prefix = page ? `p.${PLUGIN}.` : "";
  const others = page
    ? url.hash
        .slice(1)
        .split("&")
        .filter((pair) => pair && !pair.startsWith(prefix))
    : [];
  const own = Object.entries(values).map(
    ([name, value]) => `${prefix}${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  url.hash = [...others, ...own].join("&");
  return url.href;
}
