// What the person chose, in one place. Everything that is shown follows from it and from the data.

/** {run, sentence, head, row, word, t, ...}; listeners get the set of names that changed. */
export function createStore(state) {
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
