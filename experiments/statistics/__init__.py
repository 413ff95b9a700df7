"""Statistics over seeds: intervals, p-values, and the verdict on a claim."""
