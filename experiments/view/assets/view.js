// The view: the person's choices (store), what was read (library), and which run, sentence and head are open.

import { actionButtons } from "./actions.js";
import { stateOf, wishOf } from "./address.js";
import { setColours } from "./colours.js";
import { Compare } from "./compare.js";
import { build, draw } from "./drawing.js";
import { focusFirst, keepFocus } from "./focus.js";
import { openGroups } from "./groups.js";
import { Keys } from "./keys.js";
import { HeadMap, Library } from "./library.js";
import { Live } from "./live.js";
import { buildPage, hideParts } from "./page.js";
import { colourings } from "./point_colours.js";
import { stepAxis } from "./steps.js";
import { createStore } from "./store.js";

export class View {
  /** `address` has write(values); `source` is where data come from. */
  constructor(root, source, address) {
    Object.assign(this, { root, source, address });
    this.library = new Library(source);
    this.store = createStore();
    this.page = buildPage(root, this.store, this.library, this.actions());
    this.page.cell.ready = this.page.plane.ready = () => this.schedule();
    this.compare = new Compare(this);
    this.page.below.append(this.compare.node);
    this.keys = new Keys(this);
    this.live = new Live(this);
    this.page.controls.actions.append(...actionButtons(this));
    root.append(this.keys.dialog);
    this.store.listen((changed) => this.follow(changed));
  }

  actions() {
    const choose = (row, word) => {
      const { state } = this.store;
      this.store.set({ row: row ?? state.row, word: word ?? state.word });
    };
    return {
      choose,
      chooseWord: (row, word) => choose(row >= 0 ? row : null, row >= 0 ? this.telling(row) : word),
      chooseHead: (head) => this.store.set({ head }),
      chooseRun: (run) => this.store.set({ run }),
      colour: (colour) => this.store.set({ colour }),
      look: (row) => this.store.set({ lookRow: row }),
      move: (t) => this.store.set({ t, follow: t === this.run.recorded.length - 1 }),
      ready: (t) => Boolean(this.map.frame(t)),
    };
  }

  get state() {
    return this.store.state;
  }

  /** Every map of the page, and the one on its way to it. */
  maps() {
    const { heads, seeds } = this.page;
    return new Set([this.map, this.opening, ...heads.maps, ...seeds.maps, this.compare.b?.map].filter(Boolean));
  }

  /** The word that tells most about the masked word of a row. */
  telling(row) {
    const values = this.map.rowOf(this.map.exact, row);
    return values.reduce((best, x, k) => (x > values[best] ? k : best), 0);
  }

  async start(wish) {
    this.wish = wish;
    hideParts(this.root, wish.hide);
    this.store.set({ hide: wish.hide ?? "" });
    await this.live.look();
  }

  /** Another address: what it says holds, and nothing of what was chosen before. */
  visit(wish) {
    this.wish = wish;
    hideParts(this.root, wish.hide);
    Object.assign(this.state, { run: null, compare: "", hide: wish.hide ?? "", playing: false });
    if (this.runs) this.begin(this.runs);
  }

  /** Opens the run that the address asks for, or one that trains now, or the first. */
  begin(runs) {
    const names = runs.filter(({ error }) => !error).map(({ name }) => name);
    const wished = this.wish?.run;
    if (this.state.run !== null && names.includes(this.state.run)) return this.openRun(this.state.run);
    if (this.state.run) return; // what was chosen cannot be read: that is said, and nothing else is chosen instead
    const missing = wished !== undefined && !names.includes(wished);
    const absent = `The address asks for run ${wished}, which is not here.`;
    this.page.notices.tell("run", missing ? (runs.find(({ name }) => name === wished)?.error ?? absent) : "");
    const errors = runs.filter(({ error }) => error).map(({ name, error }) => `${name}: ${error}`);
    this.page.notices.tellAll("unreadable", names.length ? [] : errors);
    const training = runs.find(({ status, step }) => status === "running" && step !== null);
    const chosen = missing || wished === undefined ? (training?.name ?? names[0] ?? null) : wished;
    if (chosen === null) this.page.body.hidden = true; // what has no map yet is hidden, too, see `build`
    this.page.controls.node.hidden = chosen === null;
    const told = chosen !== null || this.page.notices.node.childElementCount;
    this.page.notices.tell("empty", told ? "" : "No run of catmat can be read here yet.");
    this.store.set({ run: chosen });
  }

  /** Shows the list of runs, and tells whether it is another one than before. */
  list(runs) {
    if (JSON.stringify(runs) === JSON.stringify(this.runs)) return false;
    this.runs = runs;
    this.page.controls.runs(runs);
    return true;
  }

  /** While a run trains the axis reaches to its planned end, so that it does not move. */
  measureAxis() {
    const { recorded, status, steps } = this.run;
    this.axis = stepAxis(recorded, status === "running" ? steps : recorded[recorded.length - 1]);
  }

  focusMap() {
    const map = this.state.compare && !this.compare.node.hidden ? this.compare.maps?.[0] : this.grid;
    focusFirst(map?.chosen, this.page.player.slider);
  }

  follow(changed) {
    const { state } = this;
    if (changed.has("sentence") || changed.has("head")) this.page.notices.tell("address", ""); // another was chosen
    if (changed.has("head") && !changed.has("compare") && state.compare === `head:${state.head + 1}`)
      state.compare = this.run.heads > 1 ? `head:${((state.head + 1) % this.run.heads) + 1}` : ""; // never A itself
    if (changed.has("run")) this.openRun(state.run);
    else if (changed.has("sentence") || changed.has("head")) this.openMap();
    else if (changed.has("compare") && this.map) openGroups(this);
    else this.schedule();
  }

  async openRun(name) {
    if (name === null) return;
    this.page.notices.tell("anew", "");
    let run;
    try {
      run = await this.library.run(name);
    } catch (error) {
      if (this.state.run === name) this.page.notices.tell("error", error.message);
      return;
    }
    if (this.state.run !== name) return;
    this.page.notices.tell("error", run.recorded.length ? "" : `${name}: no step is recorded yet.`);
    if (!run.recorded.length) {
      this.library.forget(name); // it is read again
      return;
    }
    const wish = this.wish ?? this.kept(run);
    this.wish = null;
    const { state, notes } = stateOf(wish, run);
    this.run = run;
    this.page.controls.open(run);
    this.store.set({ ...state, word: state.word ?? -1, compare: wish.compare ?? this.state.compare });
    this.page.notices.tell("address", notes.join(" "));
    this.openMap();
  }

  /** Another run is opened at the same place as the one before, as far as it has it. */
  kept(run) {
    const { sentence, head, row, word, t, follow, hide, colour } = this.state;
    const same =
      this.run &&
      JSON.stringify(this.run.sentences[sentence]?.words) === JSON.stringify(run.sentences[sentence]?.words);
    const wish = { head: Math.min(head, run.heads - 1) + 1, hide };
    if (same) Object.assign(wish, { sentence: sentence + 1, row: row + 1, word: word + 1 });
    if (colourings(run).some(([name]) => name === colour)) wish.colour = colour;
    if (!follow && this.run) wish.step = String(this.run.recorded[t]);
    return Object.fromEntries(Object.entries(wish).map(([name, value]) => [name, String(value)]));
  }

  async openMap() {
    const { sentence, head, t } = this.state;
    const map = new HeadMap(this.library, this.run, sentence, head);
    this.opening = map;
    try {
      await map.load(t);
    } catch (error) {
      if (this.opening !== map) return;
      this.opening = null; // the next drawing tries again
      this.page.notices.tell("error", error.message);
      return;
    }
    if (this.opening !== map) return;
    const { state } = this;
    this.map = map;
    const row = Math.min(state.row, map.rows - 1);
    const chosen = state.word >= 0 && state.word < map.columns;
    this.store.set({ row, word: chosen ? state.word : strongest(map, row), lookRow: null });
    keepFocus(this.root, () => build(this));
    this.schedule();
  }

  schedule() {
    if (this.scheduled || !this.map) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      if (this.map.run === this.run) draw(this); // otherwise another run is on its way
    });
  }

  /** The address is written when things have come to rest: browsers count such writes. */
  remember() {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => this.address.write(wishOf(this.state, this.run)), 300);
  }

  hidden(part) {
    return this.state.hide.split(",").includes(part);
  }

  recolour(theme) {
    setColours(theme);
    this.grid?.repaint();
    this.compare.repaint();
    this.page.plane.recolour(theme);
    this.schedule();
  }
}

/** The word that the head looks at most in the end, as far as that is here. */
function strongest(map, row) {
  const frame = map.frame(map.run.recorded.length - 1);
  const values = map.rowOf(frame ? frame.weights : map.exact, row);
  const others = [...values.keys()].filter((k) => k !== map.masked[row] && !Number.isNaN(values[k]));
  return others.reduce((best, k) => (values[k] > values[best] ? k : best), others[0] ?? 0);
}
