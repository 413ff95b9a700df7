"""Training, measuring and showing; the commands are the modules run with `python -m`."""
