"""What people read of results: the paper beside ours, model cards, pages."""
