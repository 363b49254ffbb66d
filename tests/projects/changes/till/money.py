"""Amounts: what is taken off, what is added, and how they are rounded."""


def discount(quantity, tiers):
    if quantity >= 10:
        return tiers["ten"]
    if quantity >= 3:
        return tiers["three"]
    return 0.0


def shipping(goods, kilos, rates):
    if goods >= rates["free_from"]:
        return 0.0
    return rates["base"] + rates["per_kilo"] * kilos


def rounded(amount, digits=2, up=False):
    if up:
        return -(-amount * 10**digits // 1) / 10**digits
    return round(amount, digits)
