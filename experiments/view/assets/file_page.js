// The page that is one file: its parts, where they stand, and what the person's choices do.

import { setColours } from "./colours.js";
import { element } from "./element.js";
import { FileControls, scaleSaid } from "./file_controls.js";
import { firstChoice } from "./file_data.js";
import { drawnSentence } from "./file_draw.js";
import { FileEvidence } from "./file_evidence.js";
import { frameOf, mapOf, vectorsOf } from "./file_lines.js";
import { FileMap } from "./file_map.js";
import { edge, resultOf } from "./file_result.js";
import { picture, tableCsv } from "./file_save.js";
import { FileSentence } from "./file_sentence.js";
import { evidenceSaid, guessSaid, HEADINGS, lead, mapSaid, MEANINGS, scaleSentence, stateSaid } from "./file_texts.js";
import { Guess } from "./guess.js";
import { Ledger } from "./ledger.js";
import { download } from "./save.js";
import { createStore } from "./store.js";

export class FilePage {
  constructor(root, data) {
    this.data = data;
    this.store = createStore(firstChoice(data));
    this.store.listen(() => this.draw());
    this.sentence = new FileSentence(data, this.sentenceActions());
    this.changes = this.changeActions();
    this.controls = new FileControls(data, this.changes);
    this.map = new FileMap(data.config.heads, this.edgeActions());
    this.ledger = new Ledger();
    this.evidence = new FileEvidence();
    this.guess = new Guess();
    this.said = Object.fromEntries(
      ["map", "scale", "evidence", "guess", "state"].map((name) => [name, element("p", { class: `said said-${name}` })]),
    );
    this.said.guess.setAttribute("role", "status");
    this.build(root);
    this.lookAtStrongest();
    this.draw();
  }

  build(root) {
    const { data, said } = this;
    const panel = (name, heading, ...nodes) =>
      element("section", { class: `panel panel-${name}`, "data-part": name }, element("h2", {}, heading), ...nodes);
    const caption = (text) => element("p", { class: "caption" }, text);
    const { d_mlp: mlp } = data.config;
    const save = (text, act) => element("button", { type: "button", onclick: () => act() }, text);
    this.undo = save("Undo all changes", () => this.changes.reset());
    const saves = element("div", { class: "actions" }, this.undo, save("Save SVG", () => this.saveSvg()), save("Save CSV", () => this.saveCsv()));
    const title = element("div", {}, element("h1", {}, "Attention, number by number"), element("p", { class: "of-run" }, data.title));
    const head = element("header", { class: "file-head" }, title, saves);
    this.ledger.title.after(said.scale);
    const left = element("div", { class: "left" },
      panel("map", HEADINGS.map, said.map, this.map.node, caption(MEANINGS.map)), this.ledger.node);
    const right = element("div", { class: "right" },
      panel("evidence", HEADINGS.evidence, said.evidence, this.evidence.node, caption(MEANINGS.evidence + (mlp ? MEANINGS.mlp : ""))),
      panel("guess", HEADINGS.guess, said.guess, this.guess.node));
    const main = element("main", {}, element("p", { class: "lead" }, ...lead(data)), this.sentence.node, this.controls.node, said.state,
      element("div", { class: "columns" }, left, right));
    root.replaceChildren(head, main);
  }

  /** Another sentence or another masked place has other edges: nothing stays cut. */
  sentenceActions() {
    const { store } = this;
    const set = (tokens, place, word) => store.set({ tokens, place, word, cuts: new Set(), refused: false });
    return {
      put: (k, token) => store.set({ tokens: store.state.tokens.map((old, i) => (i === k ? token : old)), word: k }),
      mask: (k) => {
        set(store.state.tokens, k, k);
        this.lookAtStrongest();
      },
      another: () => {
        const { tokens, place } = drawnSentence(this.data.world, Math.random);
        set(tokens, place, place);
        this.lookAtStrongest();
      },
      look: (k) => store.set({ word: k }),
      insert: (k) => {
        const { tokens, place } = store.state;
        set([...tokens.slice(0, k), tokens[k], ...tokens.slice(k)], place + (place >= k ? 1 : 0), k);
      },
      remove: (k) => {
        const { tokens, place } = store.state;
        const last = tokens.length - 2;
        set(tokens.filter((_, i) => i !== k), Math.min(last, place - (place > k ? 1 : 0)), Math.min(k, last));
      },
    };
  }

  changeActions() {
    const { store } = this;
    return {
      step: (t) => store.set({ t }),
      scale: (factor) => store.set({ factor }),
      reset: () => store.set({ t: this.data.steps.length - 1, factor: null, cuts: new Set(), refused: false }),
    };
  }

  edgeActions() {
    const { store } = this;
    const heads = Array.from({ length: this.data.config.heads }, (_, h) => h);
    const changed = (edges, cut) => {
      const cuts = new Set(store.state.cuts);
      edges.forEach((one) => (cut ? cuts.add(one) : cuts.delete(one)));
      const places = store.state.tokens.map((_, k) => k);
      const empty = this.data.config.sink === "none" && heads.some((h) => places.every((k) => cuts.has(edge(h, k))));
      store.set(empty ? { refused: true } : { cuts, refused: false });
    };
    return {
      toggle: (h, k) => changed([edge(h, k)], !store.state.cuts.has(edge(h, k))),
      toggleAll: (k) => {
        const edges = heads.map((h) => edge(h, k));
        changed(edges, !edges.every((one) => store.state.cuts.has(one)));
      },
      look: (word, head = null) => store.set(head === null ? { word } : { word, head }),
      head: (head) => store.set({ head }),
    };
  }

  /** The word that the chosen head looks at most: its key and value are those worth reading first. */
  lookAtStrongest() {
    const { head } = this.store.state;
    const weights = resultOf(this.data, this.store.state).out.weights[head];
    this.store.set({ word: Math.max(0, weights.indexOf(Math.max(...weights))) });
  }

  draw() {
    const { data, said } = this;
    const choice = this.store.state;
    const result = resultOf(data, choice);
    const map = mapOf(data, choice, result);
    const frame = frameOf(choice, result);
    this.shown = { choice, result, map };
    this.sentence.draw(choice);
    this.controls.draw(choice, result);
    this.map.draw(choice, result, map.words);
    if (this.ledger.map?.columns !== map.columns) this.ledger.open(map);
    this.ledger.map = map;
    this.ledger.draw(frame, { row: 0, word: choice.word }, vectorsOf(choice, result));
    this.evidence.draw(choice, result, map.words, data.words);
    this.guess.open(map);
    this.guess.draw(frame, { row: 0 });
    said.map.replaceChildren(...mapSaid(choice, result, map));
    said.scale.replaceChildren(...scaleSentence(choice, result));
    said.evidence.replaceChildren(...evidenceSaid(choice, result, map, data.words));
    said.state.replaceChildren(...this.stateNodes());
    this.undo.disabled = !choice.cuts.size && choice.factor === null && choice.t === data.steps.length - 1;
    this.tell(guessSaid(choice, result, data));
  }

  /** The sentence that is read aloud changes only where its words do. */
  tell(nodes) {
    const next = element("p", {}, ...nodes);
    if (next.textContent !== this.said.guess.textContent) this.said.guess.replaceChildren(...nodes);
  }

  stateNodes() {
    const { choice, result, map } = this.shown;
    return stateSaid(choice, result, scaleSaid(choice.factor, result.scale), map);
  }

  saveSvg() {
    const { choice, result, map } = this.shown;
    const said = element("p", {}, ...this.stateNodes()).textContent;
    const drawn = picture(this.data, { ...choice, direction: map.direction }, result, said);
    download("attention.svg", new XMLSerializer().serializeToString(drawn), "image/svg+xml");
  }

  saveCsv() {
    const { choice, result } = this.shown;
    download("attention.csv", tableCsv(this.data, choice, result), "text/csv");
  }

  recolour(theme) {
    document.documentElement.dataset.theme = theme;
    setColours(theme);
    this.draw();
  }
}
