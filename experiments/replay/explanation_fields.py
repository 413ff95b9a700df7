"""The names in the JSON of an explanation, for --help; imports nothing."""

FIELDS = {
    "run, step": "which model: the run's folder, and the recorded step",
    "sentence, masked": "the words [K]; the position of the masked one, from 0",
    "blank, target": "what stands for the masked word; the number of what is to be guessed: of that word, without its"
    " form where words have forms",
    "notes": "what was done to the sentence, and what is unusual about it",
    "vocabulary": "all words [V]",
    "scale": "what is done to the dot products",
    "query": "of the masked place [H][D]",
    "key": "of each word [K][H][D]",
    "dot_products": "query . key [H][K]",
    "scores": "dot products, scaled (and capped) [H][K]",
    "weights": "softmax of the scores [H][K]",
    "other_scale, other_weights": "the weights under another scale [H][K]",
    "sink": "the score of the sink [H], or null",
    "values": "of each word [K][H][D]",
    "weighted_values": "weight x value [H][K][D]",
    "context": "their sum [H][D]",
    "embedding": "word + place, of each word [K][M]; of the masked one it is what attention is added to",
    "attention": "the contexts of all heads times W_O [M]",
    "residual": "embedding of the masked place + attention [M]; attention alone where the config has"
    " model.residual false",
    "mlp": "what the MLP adds [M]",
    "output": "residual + mlp [M]",
    "logits": "one number for each word of the vocabulary [V]",
    "evidence": "what each word adds to each logit [H][K][V], nats",
    "evidence_place, evidence_mlp, evidence_bias": "what the masked place, the MLP and the biases add [V]; with"
    " evidence, summed over H and K, these are the logits",
    "candidates": "the words that evidence is told against, their numbers in the vocabulary",
    "guess": "softmax of the logits [V]",
    "exact": "the exact probabilities [V], or null if the world cannot say the sentence",
    "exact_relevance": "how much the exact answer changes without each word [K], nats, or null",
    "excess": "KL(exact || guess), nats, or null",
    "cut_cost, cut_cost_zeroed": "rise of the excess if head h may not look at a word [H + 1][K], the last line: if no"
    " head may; by renormalising the other weights, or leaving the term out; nats, or null",
}
"""The names in the JSON. H heads, K words of the sentence, D components of a head, M of a vector, V vocabulary."""
