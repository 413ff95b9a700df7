// Everything that was asked of the source, kept: runs, and pieces of their series. The oldest series are let go.

import { part } from "./arrays.js";
import { Chunks, chunkSize } from "./chunks.js";
import { directionOf } from "./direction.js";

const SERIES = 24; // series kept at once: heads of a few sentences and runs
const VECTOR_STEPS = 32; // steps in an answer with vectors, at most

export class Library {
  constructor(source) {
    this.source = source;
    this.runs = new Map();
    this.series = new Map();
  }

  /** The promise of a run's description. */
  run(name) {
    if (!this.runs.has(name)) {
      const asked = this.source.run(name).catch((error) => {
        this.runs.delete(name);
        throw error;
      });
      this.runs.set(name, asked);
    }
    return this.runs.get(name);
  }

  /** The runs that were read and of which the list says otherwise: more steps, another state, another training. */
  async outdated(listed) {
    const answers = await Promise.allSettled(this.runs.values());
    const read = answers.flatMap(({ value }) => (value ? [value] : []));
    return read.filter(({ name, recorded, status, identity }) => {
      const now = listed.find((one) => one.name === name && !one.error);
      const last = recorded[recorded.length - 1] ?? null;
      return now && (now.step !== last || now.status !== status || now.identity !== identity);
    });
  }

  /** A run that has grown: what was fetched of it stays. */
  renew(run) {
    this.runs.set(run.name, Promise.resolve(run));
    for (const [key, series] of this.series) {
      if (JSON.parse(key)[1] !== run.name) continue;
      if (series instanceof Chunks) series.grow(run.recorded.length);
      else this.series.delete(key);
    }
  }

  /** A run that was begun anew, or is gone. */
  forget(name) {
    this.runs.delete(name);
    for (const key of this.series.keys()) if (JSON.parse(key)[1] === name) this.series.delete(key);
  }

  sentence(run, sentence) {
    return this.chunks("sentence", run, { sentence }, 5);
  }

  head(run, sentence, head) {
    return this.chunks("head", run, { sentence, head }, 6);
  }

  vectors(run, sentence, head, row) {
    const { words } = run.sentences[sentence];
    return this.kept("vectors", run, { sentence, head, row }, (values) => {
      const size = chunkSize(3 * words.length * run.d_head, VECTOR_STEPS);
      return new Chunks((from, to) => this.source.vectors({ ...values, from, to }), size, run.recorded.length);
    });
  }

  /** Promises of whole series, small enough to come in one piece. */
  plane(run, sentence, head) {
    return this.kept("plane", run, { sentence, head }, (values) => this.source.plane(values));
  }

  cell(run, sentence, head, row, word) {
    return this.kept("cell", run, { sentence, head, row, word }, (values) => this.source.cell(values));
  }

  chunks(kind, run, of, arrays) {
    const { words, masked } = run.sentences[of.sentence];
    const size = chunkSize(arrays * words.length * masked.length);
    const made = (values) =>
      new Chunks((from, to) => this.source[kind]({ ...values, from, to }), size, run.recorded.length);
    return this.kept(kind, run, of, made);
  }

  kept(kind, run, of, make) {
    const key = JSON.stringify([kind, run.name, ...Object.values(of)]);
    const series = this.series.get(key) ?? make({ run: run.name, ...of });
    this.series.delete(key);
    this.series.set(key, series); // the newest are last
    series.catch?.(() => this.series.delete(key)); // what failed is asked for again
    if (this.series.size > SERIES) this.series.delete(this.series.keys().next().value);
    return series;
  }
}

/** One sentence of a run, and one head of it: what its map is made of. */
export class HeadMap {
  constructor(library, run, sentence, head) {
    Object.assign(this, { library, run, sentence, head });
    const { words, masked, relevant, exact_relevance: exact, exact: answers, ...more } = run.sentences[sentence];
    const { candidates, targets, blanks, tokens } = more;
    Object.assign(this, { words, tokens, masked, exact: exact.data, candidates, targets, blanks, answers });
    this.direction = directionOf(words);
    this.rows = masked.length;
    this.columns = words.length;
    this.relevant = relevant.flatMap((places) => words.map((_, k) => places.includes(k)));
    this.renew(run);
  }

  /** The run has grown; what the library dropped meanwhile is asked for again. */
  renew(run) {
    this.run = run;
    this.ofHead = this.library.head(run, this.sentence, this.head);
    this.ofSentence = this.library.sentence(run, this.sentence);
  }

  rowAt(i) {
    return Math.floor(i / this.columns);
  }

  rowOf(values, row) {
    return values.subarray(row * this.columns, (row + 1) * this.columns);
  }

  /** Everything at recorded step number t; null if it is not here yet. */
  frame(t) {
    const [head, all] = [this.ofHead.at(t), this.ofSentence.at(t)];
    if (!head || !all) return null;
    const numbers = ({ piece, s }, name) => (piece[name] ? part(piece[name], s).data : null);
    return {
      t,
      step: this.run.recorded[t],
      weights: numbers(head, "weights"),
      evidence: numbers(head, "evidence"),
      cut: numbers(head, "cut_cost"),
      scores: numbers(head, "scores"),
      dots: numbers(head, "dot_products"),
      gradient: numbers(head, "score_gradient"),
      allEvidence: numbers(all, "evidence"),
      allCut: numbers(all, "cut_cost"),
      modelRelevance: numbers(all, "model_relevance"),
      guess: all.piece.guess.map((chances) => part(chances, all.s).data),
      other: all.piece.best_other.map((words) => words[all.s]),
      otherChance: all.piece.best_other_chance.map((chances) => chances.data[all.s]),
    };
  }

  /** The same as a promise. */
  async load(t) {
    await Promise.all([this.ofHead.load(t), this.ofSentence.load(t)]);
    return this.frame(t);
  }

  /** The promise of its queries and keys as points. */
  plane() {
    return this.library.plane(this.run, this.sentence, this.head);
  }

  prefetch(t) {
    this.ofHead.prefetch(t);
    this.ofSentence.prefetch(t);
  }
}
