"""Any value of a config varied, every combination trained with paired seeds, and compared."""
