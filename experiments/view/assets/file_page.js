// The page that is one file: its parts, where they stand, and how they follow what the person chose.

import { setColours } from "./colours.js";
import { element } from "./element.js";
import { actionsOf } from "./file_actions.js";
import { FileControls, scaleSaid } from "./file_controls.js";
import { firstChoice } from "./file_data.js";
import { FileEvidence } from "./file_evidence.js";
import { frameOf, mapOf, vectorsOf } from "./file_lines.js";
import { FileLessons } from "./file_lessons.js";
import { FileMap, LONG_SENTENCE } from "./file_map.js";
import { resultOf } from "./file_result.js";
import { picture, tableCsv } from "./file_save.js";
import { pointsOf } from "./file_plane.js";
import { FileSentence } from "./file_sentence.js";
import { evidenceSaid, guessSaid, HEADINGS, lead, mapSaid, meanings, scaleSentence, stateSaid } from "./file_texts.js";
import { Guess } from "./guess.js";
import { Ledger } from "./ledger.js";
import { Plane } from "./plane.js";
import { download } from "./save.js";
import { createStore } from "./store.js";

const SAID = ["map", "scale", "evidence", "guess", "state"];

export class FilePage {
  constructor(root, data) {
    this.data = data;
    this.store = createStore(firstChoice(data));
    this.store.listen(() => this.draw());
    const act = actionsOf(data, this.store, () => this.lookAtStrongest());
    this.sentence = new FileSentence(data, act.sentence);
    this.controls = new FileControls(data, act.changes);
    this.map = new FileMap(data.config.heads, act.edges);
    this.ledger = new Ledger();
    this.evidence = new FileEvidence();
    this.guess = new Guess();
    this.plane = new Plane({
      choose: (_, word) => word !== null && act.edges.look(word),
      colour: (colour) => this.store.set({ colour }),
    });
    this.said = Object.fromEntries(SAID.map((name) => [name, element("p", { class: `said said-${name}` })]));
    this.said.guess.setAttribute("role", "status");
    this.undo = button("Undo changes to the model", () => act.changes.reset());
    root.replaceChildren(this.head(), this.main());
    this.lookAtStrongest();
  }

  head() {
    const save = [button("Save SVG", () => this.saveSvg()), button("Save CSV", () => this.saveCsv())];
    const title = element("h1", {}, "Attention, number by number");
    const run = element("p", { class: "of-run" }, this.data.title);
    const buttons = element("div", { class: "actions" }, this.undo, ...save);
    return element("header", { class: "file-head" }, element("div", {}, title, run), buttons);
  }

  main() {
    const { data, said } = this;
    const caption = meanings(data.config);
    const column = (name, ...nodes) => element("div", { class: name }, ...nodes);
    this.ledger.title.after(said.scale);
    const columns = [
      column("left", panel("map", said.map, this.map.node, caption.map), this.ledger.node, this.plane.node),
      column(
        "right",
        panel("evidence", said.evidence, this.evidence.node, caption.evidence),
        panel("guess", said.guess, this.guess.node),
      ),
    ];
    return element(
      "main",
      {},
      element("p", { class: "lead" }, ...lead(data)),
      new FileLessons(data.lessons, data.lesson_texts).node,
      this.sentence.node,
      this.controls.node,
      said.state,
      element("div", { class: "columns" }, ...columns),
    );
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
    this.shown = { choice, result, map };
    this.sentence.draw(choice);
    this.controls.draw(choice, result);
    this.map.draw(choice, result, map.words);
    this.evidence.draw(choice, result, map.words, data.words);
    this.drawShared();
    said.map.replaceChildren(...mapSaid(choice, result, map));
    said.scale.replaceChildren(...scaleSentence(choice, result));
    said.evidence.replaceChildren(...evidenceSaid(choice, result, map, data.words));
    said.state.replaceChildren(...this.stateNodes());
    this.undo.disabled = !choice.cuts.size && choice.factor === null && choice.t === data.steps.length - 1;
    this.tell(guessSaid(choice, result, data));
  }

  /** The parts that are the tab's too. */
  drawShared() {
    const { choice, result, map } = this.shown;
    const frame = frameOf(choice, result);
    if (this.ledger.map?.columns !== map.columns) this.ledger.open(map);
    this.ledger.map = map;
    this.ledger.table.classList.toggle("long", map.columns > LONG_SENTENCE);
    this.ledger.draw(frame, { row: 0, word: choice.word }, vectorsOf(choice, result));
    this.guess.open(map);
    this.guess.draw(frame, { row: 0 });
    this.drawPlane(frame);
  }

  /** Its points are another sentence's, place's or head's only if these are other ones. */
  drawPlane(frame) {
    const { choice, map } = this.shown;
    const shown = JSON.stringify([choice.tokens, choice.place, choice.head]);
    if (this.planeOf !== shown) this.plane.build(map, pointsOf(this.data, choice));
    this.planeOf = shown;
    this.plane.draw(frame, { row: 0, word: choice.word, colour: choice.colour });
  }

  /** The sentence that is read aloud changes only where its words do. */
  tell(nodes) {
    const next = element("p", {}, ...nodes);
    if (next.textContent !== this.said.guess.textContent) this.said.guess.replaceChildren(...next.childNodes);
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
    this.plane.recolour(theme);
    this.draw();
  }
}

function button(text, act) {
  return element("button", { type: "button", onclick: act }, text);
}

function panel(name, said, node, caption) {
  const meaning = caption ? element("p", { class: "caption" }, caption) : null;
  const attributes = { class: `panel panel-${name}`, "data-part": name };
  return element("section", attributes, element("h2", {}, HEADINGS[name]), said, node, meaning);
}
