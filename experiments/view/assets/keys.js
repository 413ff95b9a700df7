// Keys that work anywhere on the page, and the dialog that lists them.

import { element } from "./element.js";

const LIST = [
  ["Space", "play, pause"],
  [", and .", "one step back, one step forward"],
  ["Arrows on the slider", "one step; Page Up and Page Down ten; Home and End the first and the last"],
  ["m", "to the map; there the arrows go from cell to cell, Home and End to the ends of the row"],
  ["h, H", "next head, head before"],
  ["n, N", "next sentence, sentence before"],
  ["c", "compare, or stop comparing"],
  ["?", "this list"],
  ["Tab, Shift + Tab", "to the next control, and back"],
];

const WORDS = [
  ["head", "one copy of the computation, with matrices of its own"],
  ["logit", "a word's number before the last softmax: the larger, the more probable the word"],
  ["candidates", "the words that may stand at the masked place, by the rules of the world"],
  ["nats", "the unit of information: to learn how a fair coin fell is worth 0.69"],
  ["rules of the world", "what the sentences were made by; they give the exact answer and the exact relevance"],
  ["trained, held-out contexts", "combinations of words around the masked one that training shows, or never shows"],
  ["seed", "the number that the random start and the sentences of a run came from"],
];

export class Keys {
  constructor(view) {
    this.view = view;
    const row = (name, meaning) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, meaning));
    const table = (...rows) => element("table", {}, element("tbody", {}, ...rows));
    const close = element("button", { type: "button", onclick: () => this.dialog.close() }, "Close");
    const title = element("h2", { id: "keys-title" }, "Keys");
    this.dialog = element(
      "dialog",
      { "aria-labelledby": "keys-title" },
      title,
      table(...LIST.map(([key, meaning]) => row(element("kbd", {}, key), meaning))),
      element("h2", {}, "Words"),
      table(...WORDS.map(([word, meaning]) => row(word, meaning))),
      close,
    );
    document.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open || !this.view.map) return;
    if (event.target.closest("select, input:not([type=range]), textarea")) return;
    if (event.key === " " && event.target.closest("button, summary, [role=button]")) return;
    const act = this.actions()[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  actions() {
    const { view } = this;
    const { run, state, store } = view;
    const around = (value, count) => (value + count) % count;
    const head = (by) => store.set({ head: around(state.head + by, run.heads) });
    const sentence = (by) =>
      store.set({ sentence: around(state.sentence + by, run.sentences.length), row: 0, word: -1 });
    return {
      " ": () => view.page.player.toggle(),
      ",": () => view.page.player.by(-1),
      ".": () => view.page.player.by(1),
      h: () => head(1),
      H: () => head(-1),
      n: () => sentence(1),
      N: () => sentence(-1),
      c: () => view.compare.toggle(),
      m: () => view.focusMap(),
      "?": () => this.dialog.showModal(),
    };
  }
}
