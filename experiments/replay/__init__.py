"""A saved run, asked about a sentence; and the list of all runs."""
