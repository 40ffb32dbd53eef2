"""The drawn sample benchmark: images of disasters drawn from random numbers, with labels, in the official layout."""
