"""Pictures of attention, from arrays and words alone: PNG and GIF."""
