"""The world: sentences, and the exact answers to every question about them. Imports nothing of `model`."""
