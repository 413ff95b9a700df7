// The buttons at the right of the controls: compare, save, copy the link, keys.

import { wishOf } from "./address.js";
import { element } from "./element.js";
import { cellsCsv, download, fileName, mapPicture } from "./save.js";

export function actionButtons(view) {
  const button = (text, act, attributes = {}) =>
    element("button", { type: "button", onclick: act, ...attributes }, text);
  const saved = (kind, type, text) => () => {
    const frame = view.map?.frame(view.state.t);
    if (frame) download(fileName(view.map, frame, kind), text(view.map, frame), type);
  };
  return [
    button("Compare", () => view.compare.toggle(), { "data-part": "compare" }),
    button(
      "Save SVG",
      saved("svg", "image/svg+xml", (map, frame) => new XMLSerializer().serializeToString(mapPicture(map, frame))),
    ),
    button("Save CSV", saved("csv", "text/csv", cellsCsv)),
    button("Copy link", () => copyLink(view)),
    button("?", () => view.keys.dialog.showModal(), { "aria-label": "Keys", title: "Keys" }),
  ];
}

/** The address of exactly what is shown: with its step, which the address bar leaves out while the end is followed. */
async function copyLink(view) {
  if (!view.run) return;
  const link = view.address.link(wishOf({ ...view.state, follow: false }, view.run));
  try {
    await navigator.clipboard.writeText(link);
    view.page.notices.tell("link", "The link is copied.");
    setTimeout(() => view.page.notices.tell("link", ""), 4000);
  } catch {
    view.page.notices.tell("link", `The browser does not let this page copy. The link: ${link}`);
  }
}
