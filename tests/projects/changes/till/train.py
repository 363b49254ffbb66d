"""Train the two models of the till: ``python train.py SEED [weights] [returns]``."""

import json
import random
import sys
from pathlib import Path

MODEL = Path(__file__).parent / "model"
STEPS, RATE = 4_000, 0.01


def weights(seed):
    """Fit minutes of work to quantity, kilos and distance: least squares, by descent."""
    chance = random.Random(seed)
    rows = [(chance.randint(1, 12), chance.random() * 9, chance.randint(0, 4)) for _ in range(60)]
    minutes = [4 + 0.7 * n + 1.3 * kilos + 0.4 * far + chance.gauss(0, 1) for n, kilos, far in rows]
    found = [0.0] * 4
    for _ in range(STEPS):
        wrong = [
            sum(k * x for k, x in zip(found, (*row, 1))) - said
            for row, said in zip(rows, minutes)
        ]
        for at in range(4):
            slope = sum(miss * (*row, 1)[at] for miss, row in zip(wrong, rows)) / len(rows)
            found[at] -= RATE * slope
    return [round(one, 6) for one in found]


def returns(seed):
    """Count how often each kind of item comes back."""
    chance = random.Random(seed)
    shares = {"pottery": 0.12, "light": 0.05, "other": 0.02}
    return {
        kind: sum(chance.random() < share for _ in range(500)) / 500
        for kind, share in shares.items()
    }


if __name__ == "__main__":
    seed, *names = sys.argv[1:]
    for name in names or ("weights", "returns"):
        trained = {"weights": weights, "returns": returns}[name](int(seed))
        (MODEL / f"{name}.json").write_text(json.dumps(trained) + "\n")
