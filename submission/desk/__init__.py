"""The organiser's desk: many run files scored, compared, arranged and repaired, and sent back with what is wrong.

sources.py      the run files in files, folders and zips
scoring.py      the scores of one run file, whatever is wrong with it, under a rule
noise.py        which runs differ by more than chance, and the ranks that follow
leaderboard.py  all of it for many run files
letters.py      what each team is sent
"""
