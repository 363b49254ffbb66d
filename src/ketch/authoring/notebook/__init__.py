"""From a notebook to a package folder that a person can read.

The functions that answer are named, marked or guessed; what they reach is found in the
notebook's code by its names, never by running it: imports, constants, helper functions,
and the statements that read a file. Nothing is pickled but a model that is handed over as
one. What cannot be told is a finding, with the cell or the line to look at.
"""
