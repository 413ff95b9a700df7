// The view: follows the choices (store) and the data (library), and draws. At most one drawing a frame of the screen.

import { actionButtons } from "./actions.js";
import { stateOf, wishOf } from "./address.js";
import { setColours } from "./colours.js";
import { Compare } from "./compare.js";
import { setText } from "./element.js";
import { Keys } from "./keys.js";
import { HeadMap, Library } from "./library.js";
import { Live, continues } from "./live.js";
import { SentenceMap } from "./map.js";
import { weightText } from "./numbers.js";
import { buildPage, hideParts } from "./page.js";
import { stepAxis } from "./steps.js";
import { createStore } from "./store.js";

const MOST_SEEDS = 24; // runs of a group that are read

const START = { run: null, sentence: 0, head: 0, row: 0, word: 0, t: 0, lookRow: null, playing: false, duration: 8, follow: true, compare: "", hide: "" };

export class View {
  /** `address` has write(values); `source` is where data come from. */
  constructor(root, source, address) {
    Object.assign(this, { root, source, address });
    this.library = new Library(source);
    this.store = createStore({ ...START });
    this.page = buildPage(root, this.store, this.library, this.actions());
    this.page.cell.ready = this.page.plane.ready = () => this.schedule();
    this.compare = new Compare(this);
    this.listeners = [this.compare];
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
      look: (row) => this.store.set({ lookRow: row }),
      move: (t) => this.store.set({ t, follow: t === this.run.recorded.length - 1 }),
      ready: (t) => Boolean(this.map.frame(t)),
    };
  }

  get state() {
    return this.store.state;
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

  /** Opens the run that the address asks for, or one that trains now, or the first. */
  begin(runs) {
    const names = runs.filter(({ error }) => !error).map(({ name }) => name);
    const wished = this.wish?.run;
    if (this.state.run !== null && names.includes(this.state.run)) return this.openRun(this.state.run);
    const missing = wished !== undefined && !names.includes(wished);
    this.page.notices.tell("run", missing ? `The address asks for run ${wished}, which is not here.` : "");
    const training = runs.find(({ status, step }) => status === "running" && step !== null);
    const chosen = missing || wished === undefined ? (training?.name ?? names[0] ?? null) : wished;
    this.page.body.hidden = chosen === null;
    this.page.notices.tell("empty", chosen === null ? "No run of catmat can be read here yet." : "");
    this.store.set({ run: chosen });
  }

  list(runs) {
    if (JSON.stringify(runs) === JSON.stringify(this.runs)) return;
    this.runs = runs;
    this.page.controls.runs(runs);
  }

  /** The shown run has more steps, or another state. */
  grown(fresh) {
    const { page, run, map, state } = this;
    if (!continues(run, fresh)) {
      this.library.forget(run.name);
      this.openRun(run.name);
      page.notices.tell("anew", `${run.name} was begun anew, or goes on from an earlier step: it is read again.`);
      return;
    }
    this.library.renew(fresh);
    this.run = fresh;
    for (const one of [map, ...page.heads.maps]) one.run = fresh;
    this.measureAxis();
    page.player.open(this.axis, fresh.status);
    page.cell.grow(this.axis);
    page.plane.open(map);
    this.openGroups();
    this.compare.fill();
    if (state.follow) this.store.set({ t: fresh.recorded.length - 1 });
    this.schedule();
  }

  /** While a run trains the axis reaches to its planned end, so that it does not move. */
  measureAxis() {
    const { recorded, status, steps } = this.run;
    this.axis = stepAxis(recorded, status === "running" ? steps : recorded[recorded.length - 1]);
  }

  focusMap() {
    (this.state.compare && !this.compare.node.hidden ? this.compare.maps?.[0] : this.grid)?.focus();
  }

  follow(changed) {
    if (changed.has("run")) this.openRun(this.state.run);
    else if (changed.has("sentence") || changed.has("head")) this.openMap();
    else if (changed.has("compare") && this.map) this.openGroups();
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
    if (!run.recorded.length) return;
    const wish = this.wish ?? this.kept(run);
    this.wish = null;
    const { state, notes } = stateOf(wish, run);
    this.page.notices.tell("address", notes.join(" "));
    this.run = run;
    this.page.controls.open(run);
    this.store.set({ ...state, word: state.word ?? -1, compare: wish.compare ?? this.state.compare });
    this.openMap();
  }

  /** Another run is opened at the same place as the one before, as far as it has it. */
  kept(run) {
    const { sentence, head, row, word, t, follow, hide } = this.state;
    const same = this.run && JSON.stringify(this.run.sentences[sentence]?.words) === JSON.stringify(run.sentences[sentence]?.words);
    const wish = { head: Math.min(head, run.heads - 1) + 1, hide };
    if (same) Object.assign(wish, { sentence: sentence + 1, row: row + 1, word: word + 1 });
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
      if (this.opening === map) this.page.notices.tell("error", error.message);
      return;
    }
    if (this.opening !== map) return;
    const { state } = this;
    this.map = map;
    const row = Math.min(state.row, map.rows - 1);
    const chosen = state.word >= 0 && state.word < map.columns;
    this.store.set({ row, word: chosen ? state.word : strongest(map, row), lookRow: null });
    this.build();
    this.schedule();
  }

  build() {
    const { page, map, run } = this;
    page.body.hidden = false;
    this.measureAxis();
    const label = `Attention weights of head ${map.head + 1}`;
    this.grid = new SentenceMap(map, label, this.actions());
    page.map.replaceChildren(this.grid.node);
    const maps = Array.from({ length: run.heads }, (_, head) => (head === map.head ? map : new HeadMap(this.library, run, map.sentence, head)));
    page.heads.open(map, maps);
    for (const name of ["strip", "terms", "guess", "ledger", "plane", "words"]) page[name].open(map);
    page.cell.open(map, this.axis);
    page.player.open(this.axis, run.status);
    page.curves.open(run, this.axis, [{ name: run.name, runs: [run] }]);
    page.seeds.open(map, []);
    const share = weightText(1 / map.columns);
    setText(
      page.expect,
      `What to expect: before training, nothing makes the head prefer a word, so each of the ${map.columns} gets about ${share}. Training should move the weight into the framed cells. A large weight alone proves nothing: compare it with the evidence and the truth below it.`,
    );
    for (const listener of this.listeners) listener.open?.(map);
    this.openGroups();
  }

  /** Runs that differ from this one by their seed only, and those of the run that is compared; they may come later. */
  async openGroups() {
    const { map, run, axis } = this;
    const other = this.runs.find(({ name }) => this.state.compare === `run:${name}`);
    const names = [run.group, ...(other && other.group !== run.group ? [other.group] : [])];
    const groups = await Promise.all(names.map((group) => this.groupRuns(group)));
    if (this.map !== map) return;
    this.page.curves.open(run, axis, groups);
    this.page.seeds.open(map, groups[0].runs);
    this.schedule();
  }

  async groupRuns(group) {
    const members = this.runs.filter((one) => one.group === group && !one.error).slice(0, MOST_SEEDS);
    const answers = await Promise.allSettled(members.map(({ name }) => this.library.run(name)));
    const runs = answers.flatMap(({ status, value }) => (status === "fulfilled" && value.recorded.length ? [value] : []));
    const options = Object.entries(members[0]?.options ?? {}).map(([name, value]) => `${name} ${value}`);
    return { name: options.join(", ") || members[0]?.name, runs };
  }

  schedule() {
    if (this.scheduled || !this.map) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      if (this.map.run === this.run) this.draw(); // otherwise another run is on its way
    });
  }

  draw() {
    const { page, map, state } = this;
    const t = Math.min(state.t, this.run.recorded.length - 1);
    page.controls.draw();
    page.player.draw();
    page.curves.draw(t);
    const frame = map.frame(t);
    page.body.classList.toggle("waiting", !frame);
    if (!frame) return this.drawLater(map, t);
    this.grid.update(frame.weights);
    this.grid.mark(state.row, state.word, state.lookRow ?? state.row);
    for (const name of ["strip", "heads", "seeds", "cell", "guess", "plane", "words"]) page[name].draw(frame, state);
    this.drawVectors(frame);
    for (const listener of this.listeners) listener.draw?.(frame, state);
    map.prefetch(t);
    this.remember();
  }

  drawLater(map, t) {
    map.load(t).then(
      () => this.map === map && this.schedule(),
      (error) => this.map === map && this.page.notices.tell("error", error.message),
    );
  }

  drawVectors(frame) {
    const { page, map, state } = this;
    const chunks = this.library.vectors(map.run, map.sentence, map.head, state.row);
    const vectors = chunks.at(frame.t);
    page.terms.draw(frame, state, vectors);
    page.ledger.draw(frame, state, vectors);
    if (vectors) chunks.prefetch(frame.t);
    else chunks.load(frame.t).then(() => this.schedule(), () => {});
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
