"""Training networks: one loop for everything that is trained in batches, and the files that it is resumed from."""
