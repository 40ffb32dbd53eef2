"""Training networks: one loop for whatever is trained on batches, and the files that a training is resumed from."""
