"""$title

Written by `ketch $verb`; plain Python, and yours to edit. What `load` returns is handed to
every step, and each step's answer to the next one.
"""
$imports

$body
