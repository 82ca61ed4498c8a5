"""What is written: knows tables, figures and numbers, never the results of a study."""
