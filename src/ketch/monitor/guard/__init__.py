"""The guard: it acts on verdicts, once, and writes down what it saw.

This area promises that harm which the evidence shows is recorded, and rolled back where the
policy lets it; that a verdict to roll back is never taken back; that two guards of one
registry do not act twice; that a guard that is killed anywhere goes on where it was; and that
no data, no log and no registry are never taken for success.
"""
