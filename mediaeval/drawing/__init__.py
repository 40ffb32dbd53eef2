"""Pictures of disasters drawn from random numbers: what the drawn sample shows."""
