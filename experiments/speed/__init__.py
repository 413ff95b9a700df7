"""How fast catmat is, beside the same training written as usual."""
