"""Figures from results, as PNG and SVG. They draw what they are given and compute nothing.

Each takes what it draws and `stem`, a path without an ending, and returns the files.
"""
