"""What is drawn for people: curves and confusion matrices."""
