"""Images and videos -> faces -> crops -> probabilities -> readings."""
