"""Training: a recipe and a seed -> a run, on one device or many, that can stop and go on."""
