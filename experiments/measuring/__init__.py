"""What is measured of a model at a recorded step, beside the exact answers."""
