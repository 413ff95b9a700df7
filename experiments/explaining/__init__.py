"""What a weight means, and what it does not: a saved run's attention, measured on fresh sentences of its world."""
