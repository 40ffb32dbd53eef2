"""Image-sentiment datasets of other groups, in the layouts in which they are distributed, with their splits."""
