"""One training, from config to report."""
