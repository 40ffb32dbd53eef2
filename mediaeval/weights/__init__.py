"""Weight files, whoever uses them: their names, where they are kept, how they are fetched, read and converted."""
