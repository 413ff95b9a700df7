"""The transformer: one self-attention layer, and every number on the way through it.

Tensor names carry their shape, one letter a dimension (`query_BQHD`):

    B   sentences of a batch
    Q   query positions: the masked places whose words are guessed
    K   words of a sentence, as keys
    H   heads
    A   heads one by one, and then all at once (H + 1), where something is done to each
    D   components of one head's query, key or value (d_head)
    M   components of the residual stream (d_model)
    F   hidden units of the MLP
    V   words of the vocabulary
    R   runs trained side by side; appears only where runs are stacked

A batch letter means "inside one run".
"""
