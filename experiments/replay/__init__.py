"""Saved runs, asked again: explanations of a guess, the ledger, films, the one-file page, the table of all runs."""
