"""What a saved run shows: as JSON (`view_model`), as one page (`page`), and the modules of pages (`assets/`)."""
