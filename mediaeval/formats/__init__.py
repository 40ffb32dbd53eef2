"""Files that other software writes: read whole, checked, and without that software."""
