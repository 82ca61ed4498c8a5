"""Training labels that are probably wrong: found, and checked against votes."""
