"""Ablations: any values of a config are varied, every combination is trained with paired seeds, and compared."""
