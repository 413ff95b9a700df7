"""Reports in a folder: Markdown, figures, tables."""
