// The guess against the exact answer for the masked word of the chosen row: two bars a candidate.

import { element, setAttribute, setText, wordElement } from "./element.js";
import { named } from "./naming.js";

const chance = (x) => (Number.isNaN(x) ? "nan" : x > 0 && x < 0.001 ? "< .1 %" : `${(100 * x).toFixed(1)} %`);

export class Guess {
  constructor() {
    this.title = element("h2", {});
    this.body = element("tbody");
    this.other = element("p", { class: "caption" });
    const heads = ["word", "exact", "guess", "bars"].map((name) => element("th", { scope: "col" }, name));
    const table = element(
      "table",
      { class: "guess", "aria-label": "Guess and exact answer" },
      element("thead", {}, element("tr", {}, ...heads)),
      this.body,
    );
    const caption = element(
      "p",
      { class: "caption" },
      "Filled: the exact answer, by the rules of the world. Striped: the model's guess, from all heads.",
    );
    this.node = element(
      "section",
      { class: "guess-panel", "data-part": "guess" },
      this.title,
      caption,
      table,
      this.other,
    );
  }

  open(map) {
    this.map = map;
    this.row = null;
  }

  build(row) {
    const { map } = this;
    this.row = row;
    this.title.replaceChildren("The guess for the masked word ", ...named(map, map.masked[row]));
    const exact = map.answers[row]?.data; // none in a page that cannot compute it
    this.lines = map.candidates[row].map((candidate, c) => {
      const [exactBar, guessBar] = [element("div", { class: "bar exact" }), element("div", { class: "bar guessed" })];
      exactBar.hidden = !exact;
      exactBar.style.width = `${100 * (exact?.[c] ?? 0)}%`;
      const numbers = [
        element("td", { class: "number", "data-value": exact?.[c] }, exact ? chance(exact[c]) : "\u2013"),
        element("td", { class: "number" }),
      ];
      const name = map.run.words[candidate];
      const node = element(
        "tr",
        {},
        element("th", { scope: "row" }, wordElement(name, candidate === map.targets[row] ? { class: "right" } : {})),
        ...numbers,
      );
      node.append(element("td", { class: "bars" }, exactBar, guessBar));
      return { node, number: numbers[1], bar: guessBar };
    });
    this.body.replaceChildren(...this.lines.map(({ node }) => node));
  }

  draw(frame, { row }) {
    if (this.row !== row) this.build(row);
    const chances = frame.guess[row];
    this.lines.forEach(({ number, bar }, c) => {
      setText(number, chance(chances[c]));
      setAttribute(number, "data-value", chances[c]);
      bar.style.width = `${100 * Math.max(0, chances[c] || 0)}%`;
    });
    const other = frame.other[row];
    this.other.replaceChildren();
    if (other === null || other === undefined) return;
    const word = wordElement(this.map.run.words[other]);
    this.other.append("The model's most probable word is another one: ", word, `, ${chance(frame.otherChance[row])}.`);
  }
}
