"""The steps of the main job, each a function that a command calls: split, train, predict, ensemble, compare."""
