// The choice of run, sentence and head.

import { element } from "./element.js";
import { stepText } from "./numbers.js";

export class Controls {
  constructor(store) {
    this.store = store;
    const select = (label, name, read) => {
      const node = element("select", { "aria-label": label, "data-choice": name });
      node.addEventListener("change", () => store.set({ [name]: read(node.value), playing: false }));
      return node;
    };
    this.run = select("Run", "run", String);
    this.sentence = select("Sentence", "sentence", Number);
    this.head = select("Head", "head", Number);
    this.actions = element("div", { class: "actions", "data-part": "actions" });
    const labelled = (name, node) => element("label", {}, element("span", {}, name), node);
    const choices = [labelled("Run", this.run), labelled("Sentence", this.sentence), labelled("Head", this.head)];
    this.node = element("header", { class: "controls", "data-part": "controls" }, ...choices, this.actions);
  }

  /** Runs of one group stand together under what they differ in from the others. */
  runs(runs) {
    const groups = new Map();
    for (const run of runs) groups.set(run.group ?? run.name, [...(groups.get(run.group ?? run.name) ?? []), run]);
    const nodes = [...groups.values()].map((members) => {
      const options = members.map((run) =>
        element("option", { value: run.name, disabled: Boolean(run.error), title: run.error }, runLabel(run)),
      );
      const title = Object.entries(members[0].options ?? {})
        .map(([name, value]) => `${name} ${value}`)
        .join(", ");
      return groups.size > 1 || title ? element("optgroup", { label: title || members[0].name }, ...options) : options;
    });
    this.run.replaceChildren(...nodes.flat());
    this.run.value = this.store.state.run;
  }

  open(run) {
    const options = (names) => names.map((name, i) => element("option", { value: i }, name));
    this.sentence.replaceChildren(...options(run.sentences.map(({ words }, i) => `${i + 1}  ${words.join(" ")}`)));
    this.head.replaceChildren(...options(Array.from({ length: run.heads }, (_, head) => `head ${head + 1}`)));
  }

  draw() {
    const { run, sentence, head } = this.store.state;
    this.run.value = run;
    this.sentence.value = sentence;
    this.head.value = head;
  }
}

const SETTINGS = 3; // so many are named in a label

/** A run's name, what sets it apart, its seed and how far it is. */
export function runLabel({ name, seed, status, step, error, options }) {
  if (error) return `${name} (cannot be read)`;
  const settings = optionsText(options);
  const far = status === "finished" || step === null ? "" : `, ${status} at step ${stepText(step)}`;
  return `${name}  (${settings ? `${settings}, ` : ""}seed ${seed}${far})`;
}

/** What sets a run apart from the others, as far as it is short: "d_head 64, scale none". */
export function optionsText(options) {
  const names = Object.entries(options ?? {});
  const shown = names.slice(0, SETTINGS).map(([name, value]) => `${name.split(".").pop()} ${value}`);
  return [...shown, ...(names.length > SETTINGS ? ["..."] : [])].join(", ");
}
