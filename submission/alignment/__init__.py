"""Evidence, without test labels, that the rows and columns of a run file belong to the images."""
