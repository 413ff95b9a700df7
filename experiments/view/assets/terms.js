// query . key written out: component times component, the products added up; and what the word's value brings, times
// its weight.

import { part } from "./arrays.js";
import { differenceColour } from "./colours.js";
import { element, setAttribute, setText } from "./element.js";
import { lookedAt } from "./naming.js";
import { numberText, scaleText, signedText, weightText } from "./numbers.js";

const HEADS = ["component", "query", "key", "query x key", "value", "weight x value"];

export class Terms {
  constructor() {
    this.line = element("p", { class: "chain" });
    this.body = element("tbody");
    const head = element("thead", {}, element("tr", {}, ...HEADS.map((name) => element("th", { scope: "col" }, name))));
    const table = element("table", { class: "terms", "aria-label": "The dot product, term by term" }, head, this.body);
    const frame = element(
      "div",
      { class: "terms-frame", tabindex: 0, role: "region", "aria-label": "Components, scrollable" },
      table,
    );
    this.node = element(
      "section",
      { "data-part": "terms" },
      element("h2", {}, "The dot product, term by term"),
      this.line,
      frame,
    );
  }

  open(map) {
    this.map = map;
    this.rows = Array.from({ length: map.run.d_head }, (_, d) => {
      const cells = HEADS.slice(1).map(() => element("td", { class: "number" }));
      return { node: element("tr", {}, element("th", { scope: "row" }, String(d + 1)), ...cells), cells };
    });
    this.body.replaceChildren(...this.rows.map(({ node }) => node));
  }

  /** `vectors`: {piece, s} of the row, or null while they are on their way. */
  draw(frame, { row, word }, vectors) {
    this.node.classList.toggle("waiting", !vectors);
    if (!vectors) return;
    const { map } = this;
    const at = row * map.columns + word;
    const { piece, s } = vectors;
    const [query, key] = [part(piece.query, s).data, part(piece.key, s, word).data];
    const [value, weighted] = [part(piece.value, s, word).data, part(piece.weighted_values, s, word).data];
    const largest = Math.max(1e-9, ...query.map((q, d) => Math.abs(q * key[d])));
    this.rows.forEach(({ cells }, d) => {
      const product = query[d] * key[d];
      [query[d], key[d], product, value[d], weighted[d]].forEach((x, i) => {
        setText(cells[i], i === 2 ? signedText(x) : numberText(x, 2));
        setAttribute(cells[i], "data-value", x);
      });
      [cells[2].style.backgroundColor, cells[2].style.color] = differenceColour(product / largest);
    });
    const steps = [
      `the products add up to ${numberText(frame.dots[at])};`,
      `${scaleText(map.run, frame.t)}: score ${numberText(frame.scores[at])};`,
    ];
    this.line.replaceChildren(
      "For ",
      ...lookedAt(map, row, word),
      `: ${steps.join(" ")} softmax: e to the power of ${numberText(frame.scores[at], 2)}, divided by the sum of the `,
      `same over the row${map.run.sink ? " and the sink" : ""}: weight ${weightText(frame.weights[at])}.`,
    );
  }
}
