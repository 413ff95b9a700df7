// Two maps side by side, and their difference: two runs, two steps or two heads. One cursor for all three.

import { runLabel } from "./controls.js";
import { element, setText } from "./element.js";
import { focusFirst, keepFocus } from "./focus.js";
import { HeadMap } from "./library.js";
import { SentenceMap } from "./map.js";
import { lookedAt, named } from "./naming.js";
import { numberText, signedText, stepText, weightText } from "./numbers.js";
import { nearestStep } from "./steps.js";
import { meanExcess } from "./training_curves.js";

export class Compare {
  constructor(view) {
    this.view = view;
    this.with = element("select", { "aria-label": "Compare with" });
    this.with.addEventListener("change", () => view.store.set({ compare: this.with.value }));
    this.step = element("input", { type: "range", min: 0, step: 1, "aria-label": "Step of B" });
    this.step.addEventListener("input", () =>
      view.store.set({ compare: `step:${view.run.recorded[this.step.value]}` }),
    );
    const close = element("button", { type: "button", onclick: () => view.store.set({ compare: "" }) }, "Close");
    const choice = element(
      "div",
      { class: "compare-choice" },
      element("label", {}, "A, as chosen above, against B: ", this.with),
      this.step,
      close,
    );
    this.places = ["A", "B", "B \u2212 A"].map((name) => {
      const title = element("h2", {});
      return { name, title, node: element("div", { class: "compare-map" }, title) };
    });
    this.said = element("p", { class: "compare-said" });
    const caption = element(
      "p",
      { class: "caption" },
      "A and B have the same colours. Difference: blue, with a minus: less weight in B; orange, with a plus: more. ",
      "All parts below are of A.",
    );
    const texts = element("div", { class: "compare-texts" }, this.said, caption);
    this.frame = element("div", { class: "compare-maps" }, ...this.places.map(({ node }) => node), texts);
    const attributes = { class: "compare", "aria-label": "Compare", "data-part": "compare", hidden: true };
    this.node = element("section", attributes, choice, this.frame);
  }

  /** Early against late, unless something else was chosen. */
  toggle() {
    const { store, run, map } = this.view;
    if (!map || this.view.hidden("compare")) return;
    store.set({ compare: store.state.compare ? "" : `step:${run.recorded[0]}` });
    requestAnimationFrame(() => this.node.scrollIntoView({ block: "nearest" }));
  }

  open() {
    this.shown = null;
    this.fill();
  }

  fill() {
    const { run, runs, state } = this.view;
    const option = (value, text) => element("option", { value }, text);
    const heads = Array.from({ length: run.heads }, (_, head) => head).filter((head) => head !== state.head);
    const others = runs.filter(({ name, error }) => name !== run.name && !error);
    this.stepOption = option(
      state.compare.startsWith("step:") ? state.compare : `step:${run.recorded[0]}`,
      "another step",
    );
    const groups = [
      ["Steps", [this.stepOption]],
      ["Heads", heads.map((head) => option(`head:${head + 1}`, `head ${head + 1}`))],
      ["Runs", others.map((one) => option(`run:${one.name}`, runLabel(one)))],
    ];
    this.with.replaceChildren(
      ...groups
        .filter(([, options]) => options.length)
        .map(([label, options]) => element("optgroup", { label }, ...options)),
    );
    this.step.max = run.recorded.length - 1;
    this.with.value = state.compare;
  }

  /** What is B, as it is by then: {map, t(step of A), label()}; throws what cannot be compared. */
  async other(compare) {
    const { library, map, run } = this.view;
    const [kind, value] = [compare.slice(0, compare.indexOf(":")), compare.slice(compare.indexOf(":") + 1)];
    if (kind === "step") {
      if (!/^\d{1,9}$/.test(value)) throw new Error(`The address compares with step ${value}, which is no number.`);
      return { map, t: () => nearestStep(map.run.recorded, Number(value)), label: () => "" };
    }
    if (compare === `head:${map.head + 1}` || compare === `run:${run.name}`)
      throw new Error("This is A itself: choose something else to compare it with.");
    if (kind === "head" && /^\d{1,4}$/.test(value) && Number(value) >= 1 && Number(value) <= run.heads) {
      const head = new HeadMap(library, run, map.sentence, Number(value) - 1);
      return { map: head, t: (step) => nearestStep(head.run.recorded, step), label: () => `head ${value}, ` };
    }
    if (kind !== "run" || !this.view.runs.some(({ name, error }) => name === value && !error))
      throw new Error(`There is nothing to compare with under "${compare}".`);
    const other = await library.run(value);
    const words = JSON.stringify(map.words);
    const sentence = other.sentences.findIndex(
      (one) => JSON.stringify(one.words) === words && String(one.masked) === String(map.masked),
    );
    if (sentence < 0 || !other.recorded.length)
      throw new Error(`${value} does not watch this sentence, so it cannot be compared.`);
    if (map.head >= other.heads) throw new Error(`${value} has ${other.heads} heads: choose one that both runs have.`);
    const theirs = new HeadMap(library, other, sentence, map.head);
    const label = () => `${runLabel(this.view.runs.find(({ name }) => name === value) ?? theirs.run)}, `;
    return { map: theirs, t: (step) => nearestStep(theirs.run.recorded, step), label };
  }

  draw(frame, state) {
    const on = Boolean(state.compare) && !this.view.hidden("compare");
    const { page } = this.view;
    const left = !on && this.node.contains(document.activeElement);
    this.entered ||= on && this.node.hidden && page.map.contains(document.activeElement);
    this.node.hidden = !on;
    this.view.root.classList.toggle("comparing", on);
    if (left) focusFirst(page.controls.actions.querySelector("button"), this.view.grid.chosen, page.player.slider);
    if (!on) {
      this.shown = this.b = null;
      page.notices.tell("compare", "");
      return;
    }
    if (this.shown !== state.compare) this.change(state.compare);
    else if (this.b) this.drawMaps(frame, state);
  }

  async change(compare) {
    const { view } = this;
    const stays = this.shown?.startsWith("step:") && compare.startsWith("step:") && this.maps?.[0].map === view.map;
    this.shown = compare;
    this.fill();
    if (compare.startsWith("step:")) this.step.value = nearestStep(view.run.recorded, Number(compare.slice(5)) || 0);
    this.with.value = compare;
    this.step.hidden = !compare.startsWith("step:");
    try {
      const b = await this.other(compare);
      if (this.shown !== compare) return;
      this.b = b;
      if (!stays) keepFocus(view.root, () => this.build());
      view.page.notices.tell("compare", "");
    } catch (error) {
      this.b = null;
      this.places.forEach(({ node, title }) => node.replaceChildren(title));
      view.page.notices.tell("compare", error.message);
    }
    view.schedule();
  }

  build() {
    const { view, b } = this;
    const act = view.actions();
    this.maps = [
      new SentenceMap(view.map, "A: weights", act),
      new SentenceMap(b.map, "B: weights", act),
      new SentenceMap(view.map, "B minus A", { ...act, kind: "difference" }),
    ];
    this.places.forEach(({ node, title }, i) => node.replaceChildren(title, this.maps[i].node));
    this.frame.style.setProperty("--columns", view.map.columns);
  }

  drawMaps(frame, state) {
    const { b } = this;
    const t = b.t(frame.step);
    const other = b.map.frame(t);
    if (!other) {
      b.map.load(t).then(
        () => this.view.schedule(),
        (error) => this.view.page.notices.tell("compare", error.message),
      );
      return;
    }
    b.map.prefetch(t);
    const difference = frame.weights.map((x, i) => other.weights[i] - x);
    [frame.weights, other.weights, difference].forEach((values, i) => this.maps[i].update(values));
    this.maps.forEach((map) => map.mark(state.row, state.word, state.lookRow ?? state.row));
    if (this.entered) this.maps[0].chosen.focus(); // from the large map, which gave way
    this.entered = false;
    const [a, now] = [frame, other].map(({ step }) => `step ${stepText(step)}`);
    const names = [`A: head ${state.head + 1}, ${a}`, `B: ${b.label()}${now}`, "B \u2212 A"];
    this.places.forEach(({ title }, i) => setText(title, names[i]));
    this.say(frame, other, state);
  }

  say(frame, other, { row, word }) {
    const { map } = this.view;
    const i = row * map.columns + word;
    const of = ({ weights, evidence }) => `weight ${weightText(weights[i])}, evidence ${signedText(evidence[i])} nats`;
    const truth = `exact relevance, the truth for both: ${numberText(map.exact[i], 2)} nats.`;
    const [query, key] = [named(map, map.masked[row]), lookedAt(map, row, word)];
    const excess = (run, t) => `${numberText(meanExcess(run, "trained")[t], 4)} nats`;
    const { run } = this.b.map;
    const ofRuns = ` Excess, trained contexts: A ${excess(map.run, frame.t)}, B ${excess(run, other.t)}.`;
    const runs = run.name === map.run.name ? "" : ofRuns;
    const both = `: in A ${of(frame)}; in B ${of(other)}; ${truth}${runs}`;
    this.said.replaceChildren(...query, " looking at ", ...key, both);
  }

  repaint() {
    this.maps?.forEach((map) => map.repaint());
  }
}
