"""Serving: the packages of every route, answered over HTTP.

This area promises that a caller gets the answer of exactly one verified package or an
error that says what to do; that one package cannot hurt another, one caller not another
caller; and that what is served changes without a request being lost. It holds no rule
about promotion: it carries out what the registry says.

The path of one request, file by file: ``http/connection.py`` reads it, ``gateway.py``
finds its route, a door of ``doors/`` reads its rows, ``routes/plan.py`` says which package
answers, ``workers/pool.py`` asks it, and the door writes the answer.
"""
