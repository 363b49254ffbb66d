"""HTTP/1.1 as the gateway needs it: small requests, whole, many at once, none trusted.

``reading.py`` turns bytes into requests, ``gate.py`` says who may ask, ``connection.py``
takes turns, ``writing.py`` turns answers into bytes, and ``server.py`` is all of them on
sockets of ``listener.py``, which ``keeper.py`` or systemd holds while gateways come and go.
Nothing is imported here: the keeper stays small.
"""
