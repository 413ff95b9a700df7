// What the person chose, in one place. Everything that is shown follows from it and from the data.

// In the order of the page; numbers begin at 0, `t` is the number of a recorded step.
const START = {
  run: null,
  sentence: 0,
  head: 0,
  row: 0,
  word: 0,
  t: 0,
  lookRow: null,
  playing: false,
  duration: 8,
  follow: true,
  compare: "",
  colour: "",
  hide: "",
};

/** {run, sentence, head, row, word, t, ...}; listeners get the set of names that changed. */
export function createStore(start = START) {
  const state = { ...start };
  const listeners = [];
  return {
    state,
    set(patch) {
      const changed = new Set(Object.keys(patch).filter((name) => !Object.is(state[name], patch[name])));
      Object.assign(state, patch);
      if (changed.size) for (const listener of listeners) listener(changed);
    },
    listen(listener) {
      listeners.push(listener);
    },
  };
}
