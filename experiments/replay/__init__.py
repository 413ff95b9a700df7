"""Saved runs: the film of a sentence, and the table of all runs."""
