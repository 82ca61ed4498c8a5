"""For whom a model works: groups of faces, how each is read, and the gaps between them."""
