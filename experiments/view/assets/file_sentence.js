// The sentence, composed from the world's words: a list for each place, and which of them is masked.

import { directionOf } from "./direction.js";
import { element, setText, wordElement } from "./element.js";
import { wordGroups } from "./file_data.js";
import { blankShown } from "./file_forms.js";

export class FileSentence {
  /** `act`: {put(k, word), mask(k), look(k), insert(k), remove(k), another()}. */
  constructor(data, act) {
    Object.assign(this, { data, act });
    this.options = document.createDocumentFragment();
    for (const [name, words] of wordGroups(data)) {
      const options = words.map((word) => element("option", { value: word }, data.words[word]));
      this.options.append(element("optgroup", { label: name }, ...options));
    }
    this.line = element("div", { class: "composer", role: "group", "aria-label": "The sentence, word by word" });
    this.insert = element("button", { type: "button", onclick: () => act.insert(this.at) });
    this.remove = element("button", { type: "button", onclick: () => act.remove(this.at) });
    this.said = element("p", { class: "said sentence-said" });
    const another = element(
      "button",
      { type: "button", onclick: () => act.another() },
      "Another sentence of this world",
    );
    another.hidden = !data.world;
    const buttons = element("div", { class: "sentence-buttons" }, this.insert, this.remove, another);
    this.node = element("section", { "data-part": "sentence" }, this.line, buttons, this.said);
  }

  draw({ tokens, place, word }) {
    if (this.places?.length !== tokens.length) this.build(tokens);
    this.at = word;
    const words = tokens.map((token) => this.data.words[token]);
    this.line.dir = directionOf(words);
    this.places.forEach(({ node, select, mask, told }, k) => {
      select.value = tokens[k];
      setText(told, words[k]);
      select.title = words[k];
      mask.checked = k === place;
      mask.setAttribute("aria-label", `mask word ${k + 1}, ${words[k]}`);
      node.classList.toggle("masked", k === place);
      node.classList.toggle("looked-at", k === word);
    });
    const named = () => [`word ${word + 1}, `, wordElement(words[word])];
    this.insert.replaceChildren("Insert a word before ", ...named());
    this.remove.replaceChildren("Remove ", ...named());
    this.insert.disabled = tokens.length >= this.data.config.max_length;
    this.remove.disabled = tokens.length < 2;
    this.said.replaceChildren("The model reads: ", sentenceRead(words, place, blankShown(this.data, tokens[place])), ...this.limits(tokens.length));
  }

  /** Where a place appears or vanishes, the list at the same place keeps the focus. */
  build(tokens) {
    const focused = this.places?.findIndex(({ node }) => node.contains(document.activeElement)) ?? -1;
    this.places = tokens.map((_, k) => this.place(k));
    this.line.replaceChildren(...this.places.map(({ node }) => node));
    this.places[Math.min(focused, tokens.length - 1)]?.select.focus();
  }

  place(k) {
    const select = element("select", { "aria-label": `word ${k + 1}` });
    select.append(this.options.cloneNode(true));
    select.addEventListener("change", () => this.act.put(k, Number(select.value)));
    const mask = element("input", { type: "radio", name: "masked-place" });
    mask.addEventListener("change", () => this.act.mask(k));
    const told = element("bdi", { class: "on-paper", dir: "auto" });
    const label = element("label", {}, mask, "mask");
    const node = element("div", { class: "place" }, select, told, label);
    node.addEventListener("focusin", () => this.act.look(k));
    return { node, select, mask, told };
  }

  limits(length) {
    const most = this.data.config.max_length;
    return length >= most ? [` (as many words as this model can read, ${most})`] : [];
  }
}

/** The sentence as the model reads it, "the [ ? ] sat", in its language's direction. */
function sentenceRead(words, place, blank) {
  const parts = words.flatMap((word, k) => [k ? " " : "", k === place ? blank : wordElement(word)]);
  return element("bdi", { dir: directionOf(words) }, ...parts);
}
