// Attention in seven lines, for the chosen row at the present step: as the terminal and TensorBoard's text page print
// them, but with the key and the value of the chosen word.

import { part } from "./arrays.js";
import { weightColour } from "./colours.js";
import { element, setText, wordElement } from "./element.js";
import { lookedAt, named } from "./naming.js";
import { numberText, scaleText, stepText, weightText } from "./numbers.js";

const PRODUCTS = 3; // so many products of components are written out

export class Ledger {
  constructor() {
    this.title = element("h2", {});
    this.table = element("table", { class: "ledger" });
    this.said = element("p", { class: "caption" });
    const frame = element(
      "div",
      { class: "wide-frame", tabindex: 0, role: "region", "aria-label": "Attention in seven lines" },
      this.table,
    );
    this.node = element("section", { class: "ledger-panel", "data-part": "ledger" }, this.title, frame, this.said);
  }

  open(map) {
    this.map = map;
    this.rows = Array.from({ length: 7 }, (_, i) => this.row(i, map.columns));
    this.heads = map.words.map((word) => element("th", { scope: "col" }, wordElement(word)));
    const words = element("tr", { class: "words" }, element("td"), ...this.heads);
    this.table.replaceChildren(
      element("tbody", {}, this.rows[0].node, this.rows[1].node, words, ...this.rows.slice(2).map(({ node }) => node)),
    );
  }

  row(i, columns) {
    const [name, meaning] = [element("span"), element("span", { class: "meaning" })];
    const cells = Array.from({ length: columns }, () => element("td", { class: "number" }));
    return { node: element("tr", {}, element("th", { scope: "row" }, name, meaning), ...cells), name, cells, meaning };
  }

  draw(frame, { row, word }, vectors) {
    this.node.classList.toggle("waiting", !vectors);
    if (!vectors) return;
    const { map } = this;
    const { piece, s } = vectors;
    const [dots, scores, weights] = [frame.dots, frame.scores, frame.weights].map((values) => map.rowOf(values, row));
    const query = part(piece.query, s).data;
    const key = part(piece.key, s, word).data;
    const name = () => lookedAt(map, row, word);
    this.vector(0, "query", query, ["what it looks for"]);
    this.vector(1, "key", key, ["what ", ...name(), " is found by"]);
    this.numbers(2, "query . key", dots, ["large where both match"]);
    this.numbers(3, scaleText(map.run, frame.t), scores, [scaled(dots, scores)]);
    this.numbers(4, "softmax", weights, [map.run.sink ? "the weights" : "the weights, sum 1"], weightText);
    this.vector(5, "value", part(piece.value, s, word).data, ["what ", ...name(), " brings"]);
    this.vector(6, "sum", part(piece.context, s).data, ["of weight x value"]);
    this.heads.forEach((head, k) => setText(head.firstChild, k === map.masked[row] ? map.blanks[row] : map.words[k]));
    this.sentence(frame, row, { query, key, dot: dots[word], name });
  }

  vector(i, name, values, meaning) {
    const { cells } = this.rows[i];
    const whole = values.length <= cells.length;
    this.line(
      i,
      name,
      meaning,
      cells.map((_, k) => (!whole && k === cells.length - 1 ? "..." : k < values.length ? numberText(values[k]) : "")),
    );
  }

  numbers(i, name, values, meaning, text = (x) => numberText(x)) {
    this.line(i, name, meaning, [...values].map(text));
    if (name !== "softmax") return;
    this.rows[i].cells.forEach((cell, k) => ([cell.style.backgroundColor, cell.style.color] = weightColour(values[k])));
  }

  line(i, name, meaning, texts) {
    const row = this.rows[i];
    setText(row.name, `${i + 1} ${name}`);
    texts.forEach((text, k) => setText(row.cells[k], text));
    row.meaning.replaceChildren(...meaning);
  }

  sentence(frame, row, { query, key, dot, name }) {
    const { map } = this;
    const head = map.run.heads > 1 ? `, head ${map.head + 1}` : "";
    this.title.replaceChildren(
      "Attention in seven lines, for the masked word ",
      ...named(map, map.masked[row]),
      `${head}, step ${stepText(frame.step)}`,
    );
    const products = [...query].slice(0, PRODUCTS).map((q, d) => `${numberText(q)} x ${numberText(key[d])}`);
    const more = query.length > PRODUCTS ? " + ..." : "";
    const sink = map.run.sink ? " and of the sink, which takes the rest of the weight" : "";
    this.said.replaceChildren(
      "Line 3 for ",
      ...name(),
      ` is ${products.join(" + ")}${more} = ${numberText(dot)}; it is large where two vectors point the same way. `,
      `Line 5: e to the power of line 4, divided by the sum of these${sink}. `,
      "Line 7: each word's weight times its value, added up.",
    );
  }
}

function scaled(dots, scores) {
  if (dots.every((x, k) => Object.is(x, scores[k]))) return "unchanged";
  if (scores.every((x) => x === 0)) return "makes all of them 0";
  return dots.some((x, k) => Math.abs(scores[k]) > Math.abs(x)) ? "makes them larger" : "makes them smaller";
}
