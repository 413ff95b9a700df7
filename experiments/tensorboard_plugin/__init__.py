"""TensorBoard's tab "Attention": runs below the log directory, replayed from their records. Loads no jax."""
