"""Training networks whose weights nobody publishes, from features in the layouts of the public code."""
