"""Drafting: from a trained model, or nothing, to a package folder that a person edits.

A model file is first told by its bytes, with bounded reads and nothing run; then it is
loaded in an environment of its own, inside the worker's sandbox, and asked what it takes
and answers. What comes out is plain code, a schema and scenarios that are marked as
drafts, together with everything that could not be decided.
"""
