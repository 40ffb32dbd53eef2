"""What a run's predictions tell about its images: which are wrong, by how much, and where."""
