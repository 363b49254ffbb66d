"""Celsius to Fahrenheit, without a model."""


def convert(_, rows):
    return [{"fahrenheit": row["celsius"] * 1.8 + 32} for row in rows]


def judge(_, rows):
    return [{**row, "freezes": row["fahrenheit"] <= 32} for row in rows]
