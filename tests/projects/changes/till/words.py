"""What an item is, by its name."""

import re

_APART = re.compile(r"[^a-z0-9]+")
_KINDS = {"cup": "pottery", "plate": "pottery", "lamp": "light", "candle": "light"}


def slug(item):
    return _APART.sub("-", item.lower()).strip("-")


def kind(name):
    last = name.rsplit("-", 1)[-1]
    return _KINDS.get(singular(last), "other")


def singular(word):
    return word[:-1] if word.endswith("s") else word
