// The chosen cell: one masked word looking at one word. Every number of it, with a sentence, and its way through the
// training.

import { Curve } from "./curve.js";
import { element, setAttribute, setText } from "./element.js";
import { MEASURES, measured } from "./measures.js";
import { lookedAt, named } from "./naming.js";

export class Cell {
  constructor(library) {
    this.library = library;
    this.title = element("h2", {});
    this.rows = MEASURES.map((measure) => this.row(measure));
    const table = element(
      "table",
      { class: "measures", "aria-label": "Numbers of the chosen cell" },
      element("tbody", {}, ...this.rows.map(({ node }) => node)),
    );
    this.node = element("section", { class: "cell-panel", "data-part": "cell" }, this.title, table);
  }

  row(measure) {
    const value = element("td", { class: "number", "data-measure": measure.name });
    const curve = new Curve({ label: `${measure.name} over training`, className: "spark" });
    const sentence = element("p", { class: "caption" });
    const head = element("th", { scope: "row" }, measure.name, sentence);
    return {
      node: element("tr", {}, head, value, element("td", { class: "spark-cell" }, curve.node)),
      measure,
      value,
      curve,
      sentence,
    };
  }

  open(map, axis) {
    Object.assign(this, { map, axis, drawn: null, series: null });
    for (const { measure, sentence } of this.rows) setText(sentence, measure.sentence(map));
  }

  /** The run has more steps. */
  grow(axis) {
    this.axis = axis;
    this.drawn = null;
  }

  draw(frame, choice) {
    const { map } = this;
    const cell = `${choice.row} ${choice.word}`;
    if (this.drawn !== cell) this.fetch(choice, cell);
    const own = map.masked[choice.row] === choice.word;
    for (const { measure, value, curve, sentence } of this.rows) {
      let x = measured(measure, map, frame, choice);
      if (x === null) x = this.series?.[measure.series]?.data[frame.t] ?? null;
      setText(value, x === null ? "\u2013" : measure.text(x));
      setAttribute(value, "data-value", x);
      if (measure.absent) setText(sentence, frame.gradient ? measure.sentence(map) : measure.absent);
      if (own && measure.name === "exact relevance") setText(value, "\u2013"); // the masked word is what is asked for
      curve.mark(frame.t);
    }
  }

  fetch(choice, cell) {
    const { map } = this;
    const [query, key] = [named(map, map.masked[choice.row]), lookedAt(map, choice.row, choice.word)];
    this.title.replaceChildren("Query ", ...query, ", key ", ...key, `, head ${map.head + 1}`);
    if (this.drawn !== null) this.series = null;
    this.drawn = cell;
    this.library.cell(map.run, map.sentence, map.head, choice.row, choice.word).then(
      (series) => this.drawn === cell && this.map === map && this.lines(series, choice),
      () => {}, // the map's own request tells what is wrong
    );
  }

  lines(series, choice) {
    this.series = series;
    for (const { measure, curve, value } of this.rows) {
      const constant =
        measure.constant && new Float32Array(this.axis.recorded.length).fill(measure.constant(this.map, choice));
      const values = constant || series[measure.series]?.data;
      curve.draw(this.axis, values ? [{ values, name: measure.name }] : [], { zero: measure.zero });
      if (!measure.of && values) value.removeAttribute("data-value");
    }
    this.ready?.();
  }
}
