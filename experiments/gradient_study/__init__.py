"""The gradients of attention under three scales, beside what theory says of them."""
