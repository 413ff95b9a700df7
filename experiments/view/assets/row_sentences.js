// The map in words: a table with one sentence a row, for those who listen and for those who prefer to read.

import { element } from "./element.js";
import { lookedAt, named } from "./naming.js";
import { numberText, signedText, weightText } from "./numbers.js";

export class RowSentences {
  constructor() {
    this.body = element("tbody");
    const heads = ["masked word", "what this head does for it"].map((name) => element("th", { scope: "col" }, name));
    const table = element(
      "table",
      { class: "row-sentences" },
      element("thead", {}, element("tr", {}, ...heads)),
      this.body,
    );
    this.node = element(
      "details",
      { class: "in-words", "data-part": "words" },
      element("summary", {}, "The map in words, one sentence a row"),
      table,
    );
    this.node.addEventListener("toggle", () => this.frame && this.draw(this.frame));
  }

  open(map) {
    this.map = map;
    this.cells = map.masked.map(() => element("td"));
    this.body.replaceChildren(
      ...map.masked.map((k, row) =>
        element("tr", {}, element("th", { scope: "row" }, ...named(map, k)), this.cells[row]),
      ),
    );
  }

  draw(frame) {
    this.frame = frame;
    if (this.node.open) this.cells.forEach((cell, row) => cell.replaceChildren(...this.sentence(frame, row)));
  }

  sentence(frame, row) {
    const { map } = this;
    const of = (values) => map.rowOf(values, row);
    const byWeight = largest(of(frame.weights));
    const telling = largest(of(map.exact));
    const own = (k) => lookedAt(map, row, k);
    const [first, second] = byWeight;
    if (first === undefined) return ["No weight of this row is a number: the training has diverged."];
    const parts = ["Looks most at ", ...own(first), ` (${weightText(of(frame.weights)[first])}`];
    if (frame.evidence) parts.push(`, which brings ${signedText(of(frame.evidence)[first])} nats`);
    parts.push(")");
    if (second !== undefined) parts.push(", then at ", ...own(second), ` (${weightText(of(frame.weights)[second])})`);
    parts.push(
      ". By the rules of the world, ",
      ...own(telling[0]),
      ` tells most (${numberText(of(map.exact)[telling[0]], 2)} nats); `,
      `cutting it from this head costs ${signedText(of(frame.cut)[telling[0]])} nats.`,
    );
    return parts;
  }
}

function largest(values) {
  return [...values.keys()].filter((k) => !Number.isNaN(values[k])).sort((a, b) => values[b] - values[a]);
}
