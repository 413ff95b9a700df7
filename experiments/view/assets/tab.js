// The entry of TensorBoard's tab: styles, theme, address, and the view over the server's data.

import { element } from "./element.js";
import { addressWith, readAddress, watchAddress, watchTheme, writeAddress } from "./host.js";
import { fetchSource } from "./source.js";
import { View } from "./view.js";

const STYLES = ["page.css", "map.css", "parts.css"];

export async function render() {
  document.documentElement.lang = "en";
  document.title = "Attention";
  const styles = STYLES.map((name) => element("link", { rel: "stylesheet", href: new URL(name, import.meta.url) }));
  const styled = Promise.all(styles.map((link) => new Promise((resolve) => (link.onload = link.onerror = resolve))));
  document.head.append(...styles);
  const root = element("div", { class: "catmat" });
  document.body.replaceChildren(root);
  const view = new View(root, fetchSource(new URL("../", import.meta.url)), { write: writeAddress, link: addressWith });
  watchTheme((theme) => {
    document.documentElement.dataset.theme = theme;
    view.recolour(theme);
  });
  watchAddress((wish) => view.visit(wish));
  await Promise.all([styled, view.start(readAddress())]);
}
