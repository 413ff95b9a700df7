"""Results from papers, repeated and put beside ours."""
