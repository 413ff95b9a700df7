// What each word says for the guess and its rivals: a table whose columns add up to the logits.

import { differenceColour } from "./colours.js";
import { element, wordElement } from "./element.js";
import { numberText, signedText } from "./numbers.js";

const STRONG = 4; // nats of the strongest colour, the same at every step
const NOTHING = 0.005; // nats that are written as 0.00

export class FileEvidence {
  constructor() {
    this.table = element("table", { class: "evidence" });
    this.node = element(
      "div",
      { class: "wide-frame", tabindex: 0, role: "region", "aria-label": "Evidence, as a table" },
      this.table,
    );
  }

  draw({ place }, result, words, names) {
    const columns = result.evidenceOf(result.rivals);
    const head = columns.map(({ word }) =>
      element("th", { scope: "col", class: word === result.best ? "best" : null }, wordElement(names[word])),
    );
    const rows = [...wordRows(place, result.blank, words, columns), ...otherRows(result, columns), ...chanceRows(result)];
    this.table.replaceChildren(
      element("thead", {}, element("tr", {}, element("td"), ...head)),
      element("tbody", {}, ...rows),
    );
  }
}

/** What each word adds, through all heads together. */
function wordRows(place, blank, words, columns) {
  return words.map((word, k) => {
    const name = k === place ? `${blank}, looked at` : wordElement(word);
    const ofColumn = ({ words: rows }) => rows.reduce((sum, row) => sum + row[k], 0);
    return line(name, columns.map(ofColumn), "word");
  });
}

/** The other terms of the logits, and what all add up to. */
function otherRows({ model, candidates }, columns) {
  const row = (name, field, kind = "word") => {
    const values = columns.map((column) => column[field]);
    return line(name, values, kind);
  };
  const average = candidates.length === 1 ? "the candidate" : `average of ${candidates.length}`;
  const mlp = model.config.d_mlp ? [row("the MLP", "mlp")] : [];
  const own = model.config.residual ? [row("mask + place", "place")] : [];
  const rows = [...own, ...mlp, row("biases", "bias")];
  return [...rows, row(average, "average", "average"), row("= logit", "logit", "sum")];
}

function chanceRows({ rivals, guess, exact }) {
  const row = (name, chances) => {
    const values = rivals.map((word) => chances[word]);
    return shares(name, values);
  };
  return [row("guess", guess), ...(exact ? [row("exact", exact)] : [])];
}

function line(name, values, kind) {
  const cells = values.map((x) => {
    const text = kind === "word" ? signedText(x) : numberText(x, 2);
    const nothing = kind === "word" && Math.abs(x) < NOTHING;
    const cell = element("td", { class: nothing ? "number nothing" : "number", "data-value": x }, text);
    if (kind === "word" && !nothing) [cell.style.backgroundColor, cell.style.color] = differenceColour(x / STRONG);
    return cell;
  });
  return element("tr", { class: kind }, element("th", { scope: "row" }, name), ...cells);
}

function shares(name, values) {
  const cells = values.map((x) => element("td", { class: "number", "data-value": x }, percent(x)));
  return element("tr", { class: "share" }, element("th", { scope: "row" }, name), ...cells);
}

/** 66 %, or < 1 %. */
export function percent(x) {
  if (Number.isNaN(x)) return "nan";
  return x > 0 && x < 0.005 ? "< 1 %" : `${Math.round(100 * x)} %`;
}
