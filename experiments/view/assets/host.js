// The page around this one. Inside TensorBoard: its messages (the address) and its theme; elsewhere: the browser's own.

const PLUGIN = "catmat";
const PATIENCE = 500; // milliseconds for TensorBoard's answer

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
export async function readAddress() {
  if (!parentPage()) return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, null));
  return (await Promise.race([askTensorBoard("experimental.GetURLPluginData"), late])) ?? {};
}

/** Puts values into the address; TensorBoard has no message for it, but its page lies on the same origin. */
export function writeAddress(values) {
  try {
    const page = parentPage() ?? window;
    page.history.replaceState(page.history.state, "", addressWith(values));
  } catch {
    // the address stays as it was: "Copy link" still gives the right one
  }
}

/** The whole address of the page with these values. */
export function addressWith(values) {
  const page = parentPage();
  const url = new URL((page ?? window).location.href);
  const prefix = page ? `p.${PLUGIN}.` : "";
  const others = page ? url.hash.slice(1).split("&").filter((pair) => pair && !pair.startsWith(prefix)) : [];
  const own = Object.entries(values).map(([name, value]) => `${prefix}${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  url.hash = [...others, ...own].join("&");
  return url.href;
}

/** TensorBoard's protocol for plugins: JSON over a channel, an answer for each message. */
function askTensorBoard(type) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.isReply) resolve(message.payload);
      else port1.postMessage(JSON.stringify({ ...message, payload: null, error: null, isReply: true }));
    };
    window.parent.postMessage("experimental.bootstrap", "*", [port2]);
    port1.postMessage(JSON.stringify({ type, id: 0, payload: null, error: null, isReply: false }));
  });
}
