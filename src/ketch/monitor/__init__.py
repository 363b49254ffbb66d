"""Watching what is served: the decisions that were made, and what became of them."""
