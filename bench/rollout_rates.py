"""How often rollouts are decided wrongly, and how many units it takes to decide rightly.

    python bench/rollout_rates.py [--runs 10000] [--seed 5]

Simulated rollouts, judged by the functions that judge real ones: conversion of 3 %, revenue
with heavy tails, errors and slow answers, a ramp while sales rise, lost units. Beside them
the tests that others ship, which fail. Prints Markdown.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.rollouts import (  # the simulations of the tests
    TWENTY,
    Amounts,
    Arm,
    Plan,
    amounts,
    asymptotic_upper,
    binary,
    ever,
    first_look,
    heavy,
    log_e,
    ramp,
    z_score,
)

from ketch.rollout.stats import cap_of, log_e_srm, outcomes_needed, units_needed_fixed
from ketch.rollout.stats.betting import LIFT_BETS
from ketch.rollout.stats.srm import ALARM
from ketch.rollout.stats.units import Floats

SHARES = (0.5, 0.1)
PRINTED = {
    (0.5, 0.5): (3_000, 6_600),
    (0.5, 0.1): (8_700, 18_300),
    (0.2, 0.5): (24_000, 49_000),
    (0.2, 0.1): (61_500, 136_000),
    (0.1, 0.5): (100_000, 216_000),
    (0.1, 0.1): (264_000, 596_000),
}
"""Median and 90th percentile of research/rollout.md, 2.1."""


def percent(part: float | np.floating) -> str:
    return f"{100 * part:.1f} %"


def line(what: str, plan: Plan, evidence: Floats, arms: tuple[Arm, Arm], sign: int = 1) -> None:
    """Print how often each test ever rolls back.

    The others begin when each arm expects ten outcomes, as their users are told; bets begin
    with the first unit.
    """
    begun = np.minimum(arms[0].units, arms[1].units) * plan.rate >= 10
    naive = sign * z_score(*arms) < -1.645
    first, second = arms[::sign]
    asymptotic = asymptotic_upper(first, second, tuned=5_000) < 0
    others = (float((wrong & begun).any(axis=1).mean()) for wrong in (naive, asymptotic))
    bets, z, sequence = (percent(rate) for rate in (ever(evidence), *others))
    print(f"| {what} | {plan.share:.0%} | **{bets}** | {z} | {sequence} |", flush=True)


def nothing_changes(runs: int, draw: np.random.Generator) -> None:
    print("\n| good candidate, 100 looks | share | bets | z or t, 5 % | asymptotic, 5 % |")
    print("|---|---|---|---|---|")
    for visitors in (200_000, 20_000):
        for share in SHARES:
            plan = Plan(share, visitors=visitors, runs=runs)
            arms = binary(plan, draw)
            line(f"conversion 3 %, {visitors:,} units", plan, log_e(*arms, share), arms)
    pareto = 20 * (1 + draw.pareto(2.2, 100_000))
    for what, orders in (("lognormal", heavy(draw)), ("Pareto 2.2", pareto)):
        for share in SHARES:
            plan = Plan(share, runs=runs // 5)
            seen = revenue(plan, draw, orders)
            arms = seen.baseline, seen.candidate
            line(f"revenue, {what}, 200,000 units", plan, seen.log_e, arms)
    for what, rate in (("errors 0.1 %", 0.001), ("slow answers 5 %", 0.05)):
        for share in SHARES:
            plan = Plan(share, rate, runs=runs)
            arms = binary(plan, draw)
            line(what, plan, log_e(*arms, share, more=True), arms, sign=-1)


def revenue(plan: Plan, draw: np.random.Generator, orders: Floats) -> Amounts:
    """Return what a plan sees, a few rollouts at a time for the sake of memory."""
    cap, each = cap_of(orders), min(200, plan.runs)
    parts = [
        amounts(Plan(**(vars(plan) | {"runs": each})), draw, orders, cap)
        for _ in range(plan.runs // each)
    ]
    baseline, candidate = (
        Arm(*map(np.concatenate, zip(*(part[arm] for part in parts), strict=True)))
        for arm in (1, 2)
    )
    return Amounts(np.concatenate([part.log_e for part in parts]), baseline, candidate)


def found(plan: Plan, draw: np.random.Generator, *, more: bool = False) -> tuple[float, float]:
    """Return the median and the 90th percentile of the units until harm is seen."""
    seen = log_e(*binary(plan, draw), plan.share, more=more)
    units = first_look(seen >= TWENTY) * (plan.visitors // plan.looks)
    return float(np.median(units)), float(np.quantile(units, 0.9))


def drops(runs: int, draw: np.random.Generator) -> None:
    print("\n| drop | share | median (candidate) | 90 % | printed | fixed horizon | planned |")
    print("|---|---|---|---|---|---|---|")
    for (drop, share), (median, most) in PRINTED.items():
        plan = Plan(share, 0.03, -drop, visitors=most * 5 // 2 // 400 * 400, looks=400, runs=runs)
        middle, late = found(plan, draw)
        planned = outcomes_needed(drop, share) / (0.03 * (1 - share * drop))
        print(
            f"| {drop:.0%} | {share:.0%} | **{middle:,.0f}** ({middle * share:,.0f}) | {late:,.0f} "
            f"| {median:,} ; {most:,} | {units_needed_fixed(0.03, drop, share):,} "
            f"| {planned:,.0f} |",
            flush=True,
        )


def smaller_orders(runs: int, draw: np.random.Generator) -> None:
    print("\n| smaller orders, lognormal | share | median units | printed |\n|---|---|---|---|")
    orders = heavy(draw)
    for drop, share, printed in ((0.2, 0.5, 64_000), (0.5, 0.1, 28_000)):
        plan = Plan(share, 0.03, -drop, visitors=printed * 4, looks=200, runs=runs)
        looks = first_look(revenue(plan, draw, orders).log_e >= TWENTY)
        units = np.median(looks) * plan.visitors / plan.looks
        print(f"| {drop:.0%} | {share:.0%} | **{units:,.0f}** | {printed:,} |", flush=True)


def proofs(runs: int, draw: np.random.Generator) -> None:
    print(
        "\n| no more is lost than | by a candidate with | share | median units |\n|---|---|---|---|"
    )
    for tolerated, lift, visitors in (
        (0.2, 0.0, 200_000),
        (0.1, 0.0, 800_000),
        (0.05, 0.0, 3_000_000),
        (0.05, 0.05, 1_200_000),
    ):
        for share in SHARES:
            total = visitors if share == 0.5 else visitors * 3
            plan = Plan(share, 0.03, lift, visitors=total, looks=400, runs=runs)
            seen = log_e(*binary(plan, draw), share, more=True, ratio=1 - tolerated)
            units = np.median(first_look(seen >= TWENTY)) * total / plan.looks
            print(f"| {tolerated:.0%} | {lift:+.0%} | {share:.0%} | **{units:,.0f}** |", flush=True)


def failures(runs: int, draw: np.random.Generator) -> None:
    print("\n| what rises | share | median candidate units | printed |\n|---|---|---|---|")
    for what, rate, times, printed in (
        ("errors 0.1 % → 0.2 %", 0.001, 2, (19_000, 10_150)),
        ("errors 0.1 % → 1 %", 0.001, 10, (750, 310)),
        ("slow 5 % → 7.5 %", 0.05, 1.5, (1_600, 820)),
        ("slow 5 % → 15 %", 0.05, 3, (150, 70)),
    ):
        for share, units in zip(SHARES, printed, strict=True):
            visitors = round(units / share * 5 / 400) * 400 or 400
            plan = Plan(share, rate, times - 1, visitors=visitors, looks=400, runs=runs)
            middle, _ = found(plan, draw, more=True)
            print(f"| {what} | {share:.0%} | **{middle * share:,.0f}** | {units:,} |", flush=True)


def others(runs: int, draw: np.random.Generator) -> None:
    print("\n| what | share | how often |\n|---|---|---|")
    for share, lift in ((0.5, -0.2), (0.1, -0.2), (0.1, 0.0)):
        arms = binary(Plan(share, 0.03, lift, runs=runs), draw)
        missed = [
            log_e(*arms, share, more=more, ratio=1 + lift, bets=LIFT_BETS) >= math.log(40)
            for more in (False, True)
        ]
        rate = np.any(missed, axis=(0, 2)).mean()
        print(f"| 95 % interval ever misses a lift of {lift:.0%} | {share:.0%} | {percent(rate)} |")
    for lift in (0.0, -0.2, -0.5):
        seen, pooled, lifts = ramp(draw, lift, runs // 10)
        better = (z_score(*pooled) > 1.645).any(axis=1).mean()
        print(
            f"| ramp 1 → 50 %, five times the rate, late outcomes, lift {lift:.0%}: rolls back "
            f"(pooled z says better; mean estimate) | | {percent(ever(seen))} "
            f"({percent(better)}; {np.mean(lifts):+.1%}) |",
            flush=True,
        )
    mine = draw.binomial(2_000, 0.5, (runs // 50, 500)).cumsum(axis=1)
    looks = np.arange(1, 501) * 2_000
    alarms = [
        any(
            log_e_srm([int(n - own), int(own)], [0.5, 0.5]) >= math.log(ALARM)
            for n, own in zip(looks, row, strict=True)
        )
        for row in mine
    ]
    chi = (2 * mine - looks) ** 2 / looks > 3.841
    print(f"| mismatch alarm, 500 looks at 1,000,000 units | 50% | {percent(np.mean(alarms))} |")
    print(f"| χ² test at 5 %, the same | 50% | {percent(chi.any(axis=1).mean())} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    draw, start = np.random.default_rng(args.seed), time.process_time()
    nothing_changes(args.runs, draw)
    drops(args.runs // 5, draw)
    smaller_orders(args.runs // 20, draw)
    failures(args.runs // 5, draw)
    proofs(args.runs // 5, draw)
    others(args.runs, draw)
    print(f"\n{time.process_time() - start:.0f} s of processor")


if __name__ == "__main__":
    main()
