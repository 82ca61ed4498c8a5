"""Data sets: files, folders and archives -> one checked set of faces; duplicates among them."""
