"""Published tables, run again: one file a table."""
