"""The command line: one verb a file, each calling one public function.

This area promises that stdout is data and stderr is conversation, that every verb
answers with ``--json``, and that the exit status says what happened. No rule of the
product lives here.
"""
