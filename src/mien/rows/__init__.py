"""What is done with the rows of a video: files, tables, totals, timelines."""
