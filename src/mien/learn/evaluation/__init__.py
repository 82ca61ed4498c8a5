"""Predictions against labels: how right, how sure, and how much pictures may be spoiled."""
