// The sentence, its words coloured by the weights of one row; under each word its weight, and beside that evidence and
// truth.

import { weightColour } from "./colours.js";
import { element, setText, wordElement } from "./element.js";
import { numberText, signedText, weightText } from "./numbers.js";

const LONG = 10; // words; from here on they are set closer

const LINES = [
  ["weight", "how much of the word's value this head takes"],
  ["evidence", "nats that the word brings for the masked word, through this head"],
  ["exact relevance", "nats that the word tells by the rules of the world"],
];

export class Strip {
  constructor({ chooseWord, look }) {
    Object.assign(this, { chooseWord, look });
    this.node = element("div", { class: "strip", "data-part": "strip" });
  }

  open(map) {
    this.map = map;
    const labels = element("div", { class: "strip-word labels" }, element("span", { class: "token" }, "the sentence"));
    labels.append(...LINES.map(([name, title]) => element("span", { title }, name)));
    this.words = map.words.map((word, k) => this.word(word, k));
    this.node.dir = map.direction;
    this.node.classList.toggle("long", map.columns > LONG);
    this.node.replaceChildren(labels, ...this.words.map(({ node }) => node));
  }

  word(word, k) {
    const row = this.map.masked.indexOf(k);
    const text = wordElement(word, { title: `${word}: ${row >= 0 ? "mask this word" : "look at this word"}` });
    const token = element(
      "button",
      { type: "button", class: "token", tabindex: -1, onclick: () => this.chooseWord(row, k) },
      text,
    );
    token.addEventListener("pointerenter", () => row >= 0 && this.look(row, null));
    token.addEventListener("pointerleave", () => this.look(null, null));
    if (row >= 0) token.classList.add("can-be-masked");
    const numbers = LINES.map(() => element("span", { class: "number" }));
    return { node: element("div", { class: "strip-word" }, token, ...numbers), token, text, numbers };
  }

  draw(frame, { row, word, lookRow }) {
    const { map } = this;
    const shown = lookRow ?? row;
    const [weights, evidence, exact] = [frame.weights, frame.evidence, map.exact].map((values) =>
      map.rowOf(values, shown),
    );
    this.words.forEach(({ node, token, text, numbers }, k) => {
      const own = map.masked[shown] === k;
      setText(text, own ? `[ ${map.words[k]} ]` : map.words[k]);
      [token.style.backgroundColor, token.style.color] = weightColour(weights[k]);
      token.setAttribute("aria-pressed", k === word);
      node.classList.toggle("masked", own);
      node.classList.toggle("relevant", map.relevant[shown * map.columns + k]);
      setText(numbers[0], weightText(weights[k]));
      setText(numbers[1], evidence ? signedText(evidence[k]) : "");
      setText(numbers[2], own ? "" : numberText(exact[k], 2));
    });
  }
}
