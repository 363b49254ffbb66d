"""How far a field moved, one measure a file, each with the chance that nothing moved at all.

Every measure is a share of the rows, 0 to 1, and comes with a p-value that is exact or an
upper bound: it never tells more than the rows do. What a measure needs of a distribution is
in :mod:`~ketch.monitor.drift.measures.spread`.
"""
