// What the person's choices do: to the sentence, to the edges, to the model.

import { drawnSentence } from "./file_draw.js";
import { edge } from "./file_result.js";

/** `lookAtStrongest()`: chooses the word that the chosen head looks at most. */
export function actionsOf(data, store, lookAtStrongest) {
  return {
    sentence: sentenceActions(data, store, lookAtStrongest),
    edges: edgeActions(data, store),
    changes: {
      step: (t) => store.set({ t }),
      scale: (factor) => store.set({ factor }),
      reset: () => store.set({ t: data.steps.length - 1, factor: null, cuts: new Set(), refused: false }),
    },
  };
}

/** Another sentence or another masked place has other edges: nothing stays cut. */
function sentenceActions(data, store, lookAtStrongest) {
  const set = (tokens, place, word) => store.set({ tokens, place, word, cuts: new Set(), refused: false });
  const { state } = store;
  return {
    put: (k, token) => store.set({ tokens: state.tokens.map((old, i) => (i === k ? token : old)), word: k }),
    look: (k) => store.set({ word: k }),
    mask: (k) => {
      set(state.tokens, k, k);
      lookAtStrongest();
    },
    another: () => {
      const { tokens, place } = drawnSentence(data.world, Math.random);
      set(tokens, place, place);
      lookAtStrongest();
    },
    insert: (k) => {
      const { tokens, place } = state;
      set([...tokens.slice(0, k), tokens[k], ...tokens.slice(k)], place + (place >= k ? 1 : 0), k);
    },
    remove: (k) => {
      const { tokens, place } = state;
      const last = tokens.length - 2;
      const kept = tokens.filter((_, i) => i !== k);
      set(kept, Math.min(last, place - (place > k ? 1 : 0)), Math.min(k, last));
    },
  };
}

function edgeActions(data, store) {
  const { state } = store;
  const heads = Array.from({ length: data.config.heads }, (_, h) => h);
  const change = (edges, cut) => {
    const cuts = new Set(state.cuts);
    edges.forEach((one) => (cut ? cuts.add(one) : cuts.delete(one)));
    const blind = (h) => state.tokens.every((_, k) => cuts.has(edge(h, k)));
    const refused = data.config.sink === "none" && heads.some(blind); // softmax of nothing is not a number
    store.set(refused ? { refused } : { cuts, refused });
  };
  return {
    toggle: (h, k) => change([edge(h, k)], !state.cuts.has(edge(h, k))),
    toggleAll: (k) => {
      const edges = heads.map((h) => edge(h, k));
      change(edges, !edges.every((one) => state.cuts.has(one)));
    },
    look: (word, head = null) => store.set(head === null ? { word } : { word, head }),
    head: (head) => store.set({ head }),
  };
}
