"""Seven lessons about attention, told with the numbers of a run that the reader trained."""
