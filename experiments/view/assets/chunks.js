// A series of steps, kept in pieces: those at hand answer at once, the others are asked for, the next one before it is
// needed.

const MOST = 128; // steps in an answer, at most
const FLOATS = 150_000; // in an answer, about: so one takes some 10 ms to come and decode

/** How many steps fit in a piece in which a step has so many floats. */
export function chunkSize(floats, most = MOST) {
  return Math.max(1, Math.min(most, Math.floor(FLOATS / floats)));
}

export class Chunks {
  /** `ask(from, to)` gives the promise of a piece; `size` is its number of steps. */
  constructor(ask, size, count) {
    this.ask = ask;
    this.size = size;
    this.count = count;
    this.pieces = new Map();
    this.pending = new Map();
  }

  /**
   * While a run trains it grows. The last piece is asked for again: it was cut short, and its last step may have
   * lacked something.
   */
  grow(count) {
    this.pieces.delete(Math.floor((this.count - 1) / this.size));
    this.count = count;
  }

  /** {piece, s}: step t is the s-th of the piece; null if it is not here yet. */
  at(t) {
    const piece = this.pieces.get(Math.floor(t / this.size));
    return piece && t < piece.to ? { piece, s: t - piece.from } : null;
  }

  /** The same as a promise. */
  async load(t) {
    const number = Math.floor(t / this.size);
    if (!this.at(t)) await this.fetched(number);
    return this.at(t);
  }

  /** Asks for what comes after t, without waiting for it; a failure will be told when it is needed. */
  prefetch(t) {
    const next = Math.floor(t / this.size) + 1;
    if (next * this.size < this.count && !this.pieces.has(next)) this.fetched(next).catch(() => {});
  }

  fetched(number) {
    if (!this.pending.has(number)) {
      const from = number * this.size;
      const asked = this.ask(from, Math.min(this.count, from + this.size))
        .then((piece) => this.pieces.set(number, piece))
        .finally(() => this.pending.delete(number));
      this.pending.set(number, asked);
    }
    return this.pending.get(number);
  }
}
