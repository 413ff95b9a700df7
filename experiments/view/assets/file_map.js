// Where the heads look from the masked place: a row for each head, a column for each word. A cell is a button that cuts
// its edge and puts it back.

import { weightColour } from "./colours.js";
import { directionOf } from "./direction.js";
import { element, setAttribute, setText, wordElement } from "./element.js";
import { edge } from "./file_result.js";
import { weightText } from "./numbers.js";

export const LONG_SENTENCE = 8; // words; of a longer one the columns are narrow

export class FileMap {
  /** `act`: {toggle(head, k), toggleAll(k), look(k), head(h)}; `heads`: how many. */
  constructor(heads, act) {
    Object.assign(this, { heads, act });
    this.table = element("table", { class: "edges", "aria-label": "Attention weights: which word each head looks at" });
    this.table.addEventListener("keydown", (event) => this.arrow(event));
    this.node = element("div", { class: "edges-frame" }, this.table);
    this.at = [0, 0];
  }

  build(columns) {
    this.columns = columns;
    this.words = Array.from({ length: columns }, (_, k) => {
      const look = element("button", {
        type: "button",
        class: "column",
        tabindex: -1,
        onclick: () => this.act.look(k),
      });
      return { node: element("th", { scope: "col" }, look), look };
    });
    const head = element("tr", {}, element("td"), ...this.words.map(({ node }) => node));
    this.rows = Array.from({ length: this.heads }, (_, h) => this.row(h));
    if (this.heads > 1) this.rows.push(this.allRow());
    this.cells = this.rows.map(({ cells }) => cells);
    this.table.classList.toggle("long", columns > LONG_SENTENCE);
    this.table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...this.rows.map(({ node }) => node)));
    this.at = [0, Math.min(this.at[1], columns - 1)];
    this.mark();
  }

  row(h) {
    const choose = element("input", { type: "radio", name: "head", "aria-label": `head ${h + 1}` });
    choose.addEventListener("change", () => this.act.head(h));
    const cells = this.buttons(h, (k) => this.act.toggle(h, k));
    const label = element("label", {}, choose, `head ${h + 1}`);
    return { node: element("tr", {}, element("th", { scope: "row" }, label), ...cells.map(inCell)), cells, choose };
  }

  allRow() {
    const cells = this.buttons(this.heads, (k) => this.act.toggleAll(k));
    const name = element("th", { scope: "row" }, "all heads");
    return { node: element("tr", { class: "all" }, name, ...cells.map(inCell)), cells };
  }

  buttons(row, act) {
    return Array.from({ length: this.columns }, (_, k) => {
      const button = element("button", { type: "button", class: "edge", tabindex: -1 });
      button.addEventListener("focus", () => this.go(row, k));
      button.addEventListener("click", () => {
        this.go(row, k); // not every browser gives the focus to a button that is clicked
        act(k);
      });
      return button;
    });
  }

  draw({ tokens, place, cuts, head, word }, { out, blank }, words) {
    if (this.columns !== tokens.length) this.build(tokens.length);
    this.table.dir = directionOf(words);
    this.words.forEach(({ node, look }, k) => {
      look.replaceChildren(k === place ? blank : wordElement(words[k]));
      setAttribute(look, "aria-label", `look at word ${k + 1}, ${words[k]}`);
      node.classList.toggle("marked", k === word);
    });
    out.weights.forEach((row, h) => {
      this.rows[h].choose.checked = h === head;
      this.rows[h].node.classList.toggle("chosen-row", h === head);
      row.forEach((weight, k) => this.cell(h, k, weight, cuts.has(edge(h, k)), words));
    });
    if (this.heads > 1) this.drawAll(cuts, words);
  }

  cell(h, k, weight, cut, words) {
    const button = this.cells[h][k];
    const text = weightText(weight);
    setText(button, cut ? "cut" : text);
    setAttribute(button, "data-value", weight);
    setAttribute(button, "aria-pressed", cut);
    setAttribute(
      button,
      "aria-label",
      `head ${h + 1}, word ${k + 1}, ${words[k]}: ${cut ? "cut" : `weight ${text}, cut`}`,
    );
    button.classList.toggle("cut", cut);
    [button.style.backgroundColor, button.style.color] = cut ? ["", ""] : weightColour(weight);
  }

  drawAll(cuts, words) {
    this.cells[this.heads].forEach((button, k) => {
      const cut = Array.from({ length: this.heads }, (_, h) => cuts.has(edge(h, k))).every(Boolean);
      setText(button, cut ? "put back" : "cut");
      setAttribute(button, "aria-pressed", cut);
      setAttribute(button, "aria-label", `word ${k + 1}, ${words[k]}: cut in all heads`);
      button.classList.toggle("cut", cut);
    });
  }

  /** One cell alone is a stop of the tab key; arrows go to the others. */
  mark() {
    this.cells.forEach((row, r) => {
      row.forEach((cell, k) => setAttribute(cell, "tabindex", r === this.at[0] && k === this.at[1] ? 0 : -1));
    });
  }

  go(row, k) {
    this.at = [row, k];
    this.mark();
    this.act.look(k, row < this.heads ? row : null);
  }

  arrow(event) {
    const [row, k] = this.at;
    const next = this.table.dir === "rtl" ? -1 : 1;
    const goals = {
      ArrowRight: [row, k + next],
      ArrowLeft: [row, k - next],
      ArrowDown: [row + 1, k],
      ArrowUp: [row - 1, k],
      Home: [row, 0],
      End: [row, this.columns - 1],
    };
    if (!event.target.matches(".edge") || !goals[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const [toRow, to] = goals[event.key];
    this.cells[toRow]?.[to]?.focus();
  }
}

const inCell = (button) => element("td", {}, button);
