"""One line of text that can be shown: what people write about things.

Nothing in it moves a terminal's cursor, breaks a line, or shows words in another order.
The patterns mean the same to Python and, as JSON Schema wants, to ECMAScript.
"""

_HIDDEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"

LINE_PATTERN = rf"[^{_HIDDEN}]*"
"""One line, maybe empty."""

FILE_PATTERN = rf"(?:[^{_HIDDEN}]*/)?[^/{_HIDDEN}]+"
"""One line that ends in the name of a file."""

WORDS_PATTERN = rf" *[^ {_HIDDEN}][^{_HIDDEN}]*"
"""One line with something else than spaces in it."""
