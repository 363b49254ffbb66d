"""HTTP/1.1 as the gateway needs it: small requests, whole, many at once, none trusted."""
