"""Predictions against labels: how right, how sure, and how much images may be corrupted."""
