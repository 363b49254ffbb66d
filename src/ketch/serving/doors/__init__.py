"""Doors: the forms in which callers may ask; behind each is the same decoder."""
