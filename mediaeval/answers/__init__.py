"""What a model learns of a subtask, and the answers of a run file that its outputs lead to.

learned.py    a subtask as a model learns it: a column of 0 and 1 for each label, or a column of scores
targets.py    the labels of a dev set as such columns
decisions.py  outputs of a model (probabilities or scores) → decisions or scores as they are written
written.py    decisions → the answers of a run file, with the columns beside them
projection.py scores that must sum up
ranking.py    scores of documents → a ranked list
"""
