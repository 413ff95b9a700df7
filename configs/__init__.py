"""Experiment configurations; a package only so that they are shipped."""
