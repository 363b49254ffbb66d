"""How often are the ten products right? Measured on orders the model has not seen."""

import json
from pathlib import Path

INPUTS = ("shopper", "viewed", "hour", "at")


def run(predict, data):
    """Return the metrics of a package on the validation data.

    Each line of ``validation.jsonl`` is one order: what was viewed, and what else was bought.

    Args:
        predict: Takes rows and returns one answer for each.
        data: The path of each data reference, by its name.
    """
    lines = Path(data["validation"]).read_text().splitlines()
    orders = [json.loads(line) for line in lines]
    answers = predict([{name: order[name] for name in INPUTS} for order in orders])
    right = [
        len(set(answer["items"]).intersection(order["bought"]))
        for answer, order in zip(answers, orders)
    ]
    bought = [len(order["bought"]) for order in orders]
    return {
        "hit_rate_at_10": sum(n > 0 for n in right) / len(orders),
        "precision_at_10": sum(right) / (10 * len(orders)),
        "recall_at_10": sum(n / of for n, of in zip(right, bought)) / len(orders),
    }
