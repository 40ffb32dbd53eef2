"""Reports: one HTML page that shows a run, and the tables of a working-notes paper."""
