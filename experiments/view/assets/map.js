// The map of a sentence: a grid with a row for each masked word and a column for each word, a number in each cell.

import { differenceColour, weightColour } from "./colours.js";
import { element, wordElement } from "./element.js";
import { signedText, weightText } from "./numbers.js";

const KINDS = {
  weight: { colour: weightColour, text: weightText },
  difference: { colour: differenceColour, text: (x) => signedText(x).replace("0.", ".") },
};
const GAP = 2; // pixels between cells
const REST = 150; // milliseconds after which cells out of sight follow
const MANY = 20; // words; from here on columns are narrow and their words stand upright

export class SentenceMap {
  /** `choose(row, word)` and `look(row, word)` are called when a cell is chosen, and when the pointer is over one. */
  constructor(map, label, { kind = "weight", choose, look }) {
    Object.assign(this, { map, choose, look }, KINDS[kind]);
    this.cells = [];
    this.texts = [];
    this.shown = [];
    this.colours = [];
    const head = element(
      "tr",
      { role: "row" },
      element("td", { class: "corner", role: "gridcell" }),
      ...map.words.map((word, k) => this.header(word, k)),
    );
    const rows = map.masked.map((_, row) => this.row(row));
    const kindOfMap = map.columns > MANY ? "map many" : "map";
    const attributes = { role: "grid", "aria-label": label, class: kindOfMap, dir: map.direction };
    this.table = element(
      "table",
      attributes,
      element("thead", { role: "rowgroup" }, head),
      element("tbody", { role: "rowgroup" }, ...rows),
    );
    this.columnHeads = [...head.children].slice(1);
    this.rowHeads = rows.map((row) => row.firstChild);
    this.node = element("div", { class: "map-frame", dir: map.direction, style: `--columns: ${map.columns}` }, this.table);
    this.listen();
  }

  header(word, k) {
    return element("th", { scope: "col", role: "columnheader", "data-column": k }, wordElement(word));
  }

  row(row) {
    const { words, masked, columns, relevant } = this.map;
    const cells = words.map((_, k) => {
      const marks = [masked[row] === k ? "the masked place" : "", relevant[row * columns + k] ? "relevant word" : ""];
      const said = marks.filter(Boolean).join(", ");
      const classes = ["cell", masked[row] === k ? "own" : "", relevant[row * columns + k] ? "relevant" : ""]
        .join(" ")
        .trim();
      const text = document.createTextNode("");
      const cell = element(
        "td",
        { class: classes, role: "gridcell", tabindex: -1, "aria-description": said || null },
        text,
      );
      cell.index = row * columns + k;
      this.cells.push(cell);
      this.texts.push(text);
      return cell;
    });
    return element(
      "tr",
      { role: "row" },
      element("th", { scope: "row", role: "rowheader", "data-row": row }, wordElement(words[masked[row]])),
      ...cells,
    );
  }

  /** Shows values [R, K]: of a large map first what is in sight, the rest when there is time. */
  update(values) {
    this.values = values;
    clearTimeout(this.rest);
    if (this.map.columns <= MANY) return this.write(0, this.map.rows, 0, this.map.columns);
    this.writeVisible();
    this.rest = setTimeout(() => this.write(0, this.map.rows, 0, this.map.columns), REST);
  }

  writeVisible() {
    const { scrollTop, scrollLeft, clientWidth, clientHeight } = this.node;
    const { offsetWidth: width, offsetHeight: height } = this.cells[0];
    const range = (start, length, side, most) => [
      Math.floor(start / (side + GAP)),
      Math.min(most, Math.ceil((start + length) / (side + GAP)) + 1),
    ];
    this.write(
      ...range(scrollTop, clientHeight, height, this.map.rows),
      ...range(Math.abs(scrollLeft), clientWidth, width, this.map.columns),
    );
  }

  /** Writes some rows and columns; only what changed is touched. */
  write(firstRow, endRow, first, end) {
    for (let row = firstRow; row < endRow; row++) {
      for (let i = row * this.map.columns + first; i < row * this.map.columns + end; i++) {
        const x = this.values[i];
        if (Object.is(x, this.shown[i])) continue;
        this.shown[i] = x;
        this.texts[i].data = this.text(x);
        this.cells[i].setAttribute("data-value", x);
        this.paint(i, this.colour(x));
      }
    }
  }

  paint(i, colour) {
    if (this.colours[i] === colour) return;
    this.colours[i] = colour;
    const { style } = this.cells[i];
    [style.backgroundColor, style.color] = colour;
  }

  /** After a change of light and dark. */
  repaint() {
    this.shown.forEach((x, i) => this.paint(i, this.colour(x)));
  }

  /** Marks the chosen cell, which alone is a stop of the tab key, and the row that the pointer is over. */
  mark(row, word, lookedAt = row) {
    const index = row * this.map.columns + word;
    if (this.marked !== index) {
      const before = this.cells[this.marked];
      before?.classList.remove("chosen");
      before?.removeAttribute("aria-selected");
      before?.setAttribute("tabindex", -1);
      this.cells[index].classList.add("chosen");
      this.cells[index].setAttribute("aria-selected", "true");
      this.cells[index].setAttribute("tabindex", 0);
      this.marked = index;
    }
    this.rowHeads.forEach((head, i) => head.classList.toggle("marked", i === lookedAt));
    this.columnHeads.forEach((head, k) => head.classList.toggle("marked", k === word));
  }

  /** The chosen cell, once one is marked. */
  get chosen() {
    return this.cells[this.marked];
  }

  listen() {
    const at = (event) => event.target.closest("td.cell");
    const place = (cell) => [this.map.rowAt(cell.index), cell.index % this.map.columns];
    this.table.addEventListener("focusin", (event) => at(event) && this.choose(...place(at(event))));
    this.table.addEventListener("pointerover", (event) => {
      const head = event.target.closest("th[data-row]");
      if (at(event)) this.look(...place(at(event)));
      else if (head) this.look(Number(head.dataset.row), null);
    });
    this.table.addEventListener("pointerleave", () => this.look(null, null));
    this.table.addEventListener("click", (event) => {
      const head = event.target.closest("th[data-row]");
      if (at(event)) at(event).focus();
      else if (head) this.choose(Number(head.dataset.row), null);
    });
    this.node.addEventListener("scroll", () => this.values && this.map.columns > MANY && this.writeVisible(), {
      passive: true,
    });
    this.table.addEventListener("keydown", (event) => this.arrow(event));
  }

  arrow(event) {
    const { rows, columns } = this.map;
    const { index } = event.target.closest("td.cell"); // keys may come faster than drawings
    const [row, column] = [this.map.rowAt(index), index % columns];
    const right = this.map.direction === "rtl" ? -1 : 1; // to the next word, or to the one before
    const goals = {
      ArrowRight: [row, column + right],
      ArrowLeft: [row, column - right],
      ArrowDown: [row + 1, column],
      ArrowUp: [row - 1, column],
      Home: [event.ctrlKey ? 0 : row, 0],
      End: [event.ctrlKey ? rows - 1 : row, columns - 1],
    };
    if (!goals[event.key] || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const [toRow, toColumn] = goals[event.key];
    this.cells[Math.min(rows - 1, Math.max(0, toRow)) * columns + Math.min(columns - 1, Math.max(0, toColumn))].focus();
  }
}
