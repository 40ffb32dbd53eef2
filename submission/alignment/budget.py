"""One budget of false alarms for all the ways in which a file may be wrong: a prior probability for each kind.

A rival arrangement of rows or columns is believed when its likelihood times its prior is 1 / ALPHA times that of the
file as it is. The priors of all rivals together have 1, so that, where the likelihoods are right, a sound file is
accused with a probability of at most ALPHA (Markov's inequality), however many rivals there are.
"""

import math

ALPHA = 0.02  # chance of a false alarm, at most, over all rivals; on real files far less is seen
ENOUGH = -math.log(ALPHA)  # evidence from which on a rival is accepted
# Prior probability of each kind. Of rows, half of it is for all subtasks together, half for one of several alone.
PRIORS = {
    "slip": 0.4,
    "unrelated": 0.08,
    "order": 0.08,
    "workers": 0.08,
    "batches": 0.08,
    "shuffled": 0.08,
    "swapped": 0.09,
    "classes": 0.07,
    "inverted": 0.01,
    "shifted": 0.01,
    "sorted": 0.01,
    "exchanged": 0.005,
    "assigned": 0.005,
}
