// The page: its parts and where they stand. Wide: map and player left, the chosen cell right; narrow: one column.

import { Cell } from "./cell.js";
import { Controls } from "./controls.js";
import { element } from "./element.js";
import { Guess } from "./guess.js";
import { Ledger } from "./ledger.js";
import { Heads, Seeds } from "./multiples.js";
import { Notices } from "./notices.js";
import { Plane } from "./plane.js";
import { Player } from "./player.js";
import { RowSentences } from "./row_sentences.js";
import { Strip } from "./strip.js";
import { Terms } from "./terms.js";
import { TrainingCurves } from "./training_curves.js";

/** All parts of the page, below `root`. `act`: what the person's choices do. */
export function buildPage(root, store, library, act) {
  const parts = {
    controls: new Controls(store),
    notices: new Notices(),
    strip: new Strip(act),
    heads: new Heads(act),
    seeds: new Seeds(library, act),
    player: new Player(store, act),
    cell: new Cell(library),
    terms: new Terms(),
    guess: new Guess(),
    ledger: new Ledger(),
    plane: new Plane(act),
    words: new RowSentences(),
  };
  parts.curves = new TrainingCurves();
  parts.expect = element("p", { class: "expect", "data-part": "expect" });
  parts.map = element("div", { class: "map-place", "data-part": "map" });
  parts.legend = element("p", { class: "legend", "data-part": "map" }, ...legend());
  parts.below = element("div", { class: "compare-place" });
  const side = (name, ...nodes) => element("div", { class: name }, ...nodes.map((part) => part.node ?? part));
  const left = side(
    "left",
    parts.expect,
    parts.strip,
    parts.map,
    parts.legend,
    parts.player,
    parts.curves,
    parts.heads,
    parts.seeds,
    parts.words,
    parts.ledger,
    parts.guess,
  );
  const right = side("right", parts.cell, parts.terms, parts.plane);
  parts.body = element("main", { class: "columns", hidden: true }, left, right);
  parts.controls.node.prepend(element("h1", { class: "only-heard" }, "Attention"));
  root.replaceChildren(parts.controls.node, parts.notices.node, parts.below, parts.body);
  return parts;
}

function legend() {
  const scale = element("span", { class: "scale", "aria-hidden": "true" });
  return [
    "Rows: masked words. Columns: words that they look at. Weight 0 ",
    scale,
    " 1. ",
    element("span", { class: "sample relevant" }, "framed"),
    ": relevant words, which by the rules of the world tell most about the masked word. ",
    element("span", { class: "sample own" }, "dotted"),
    ": the masked place.",
  ];
}

/** Hides what the address asks to hide. */
export function hideParts(root, names) {
  const hidden = new Set((names ?? "").split(","));
  for (const node of root.querySelectorAll("[data-part]"))
    node.classList.toggle("hidden-part", hidden.has(node.dataset.part));
}
