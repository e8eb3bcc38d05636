"""Training: from tasks to trained nets."""
