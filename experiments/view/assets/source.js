// Where data come from. A source has six methods, each answers with a promise of decoded JSON; the page knows nothing
// else
// of it, so a page that carries its data inside has a source of its own.

import { decoded } from "./arrays.js";

export class SourceError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Data from a server: `base` is the address below which it answers. */
export function fetchSource(base) {
  const ask = async (path, values = {}) => {
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(values)) url.searchParams.set(name, value);
    let answer;
    try {
      answer = await fetch(url, { cache: "no-store" });
    } catch {
      throw new SourceError("TensorBoard does not answer. Is it still running?", 0);
    }
    const body = await answer
      .json()
      .catch(() => ({ error: `${path}: the answer cannot be read (status ${answer.status})` }));
    if (!answer.ok) throw new SourceError(body.error ?? `${path}: status ${answer.status}`, answer.status);
    return decoded(body);
  };
  return {
    runs: () => ask("runs"),
    run: (run) => ask("run", { run }),
    sentence: (values) => ask("sentence", values),
    head: (values) => ask("head", values),
    cell: (values) => ask("cell", values),
    vectors: (values) => ask("vectors", values),
    plane: (values) => ask("plane", values),
  };
}
