"""Weight files, whoever uses them: what they are called, where they lie, how they are fetched, read and converted."""
