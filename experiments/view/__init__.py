"""What a saved run shows: its arrays as JSON (`view_model`), and the pages' own modules (`assets/`)."""
