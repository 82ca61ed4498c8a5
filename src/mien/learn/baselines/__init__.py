"""Classical pipelines, to compare networks with: a feature, then a classifier."""
