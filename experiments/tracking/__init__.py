"""What training writes as it goes: arrays, TensorBoard's events, pictures, summaries."""
