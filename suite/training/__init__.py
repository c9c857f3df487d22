"""Training: a population of trials of one variant on one task, one compiled program run for each epoch."""
