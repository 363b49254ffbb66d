"""Routes, verdicts and rules as people read them."""

from dataclasses import replace

from tests.registries import Here, Office

from ketch.cli.registered import told, verdict_text
from ketch.cli.rules import changes, changes_text, kept, policy_text
from ketch.registry import LayerPart, Policy, Share, open_database
from ketch.rollout.terms import Guardrail, Ramp

SLOW = (
    "kind happened, window 7d, worse higher, reaction rollback, margin 0, tolerated 0.05, "
    "limit_ms 80"
)


def tried() -> Office:
    office = Office(Here(open_database("sqlite://")))
    office.in_prod("shop:1.0.0")
    office.publish("shop:1.1.0")
    office.promote("shop:1.1.0", "limited", share=Share.parse("10%"))
    return office


def test_status_tells_the_newest_verdict_in_one_line() -> None:
    office = tried()
    assert verdict_text(office.at().route("greetings")) == ["  verdict   none yet"]
    office.judge("hold", sentence=f"Hold: {'x' * 200}.")
    route = office.at().route("greetings")
    (line,) = verdict_text(route)
    (whole,) = verdict_text(route, whole=True)
    assert line.startswith("  verdict   Hold: xxx")
    assert (len(line), line[-1], whole[-2:]) == (100, "…", "x.")
    office.judge("promote-ready", sentence="Returns did not rise.")
    (line,) = verdict_text(office.at().route("greetings"))
    assert line == "  verdict   promote-ready: Returns did not rise."
    office.at().roll_back("greetings")
    assert verdict_text(office.at().route("greetings")) == []


def test_history_tells_what_a_verdict_says_and_why_something_was_rolled_back() -> None:
    office = tried()
    judged = office.judge("roll-back", sentence="Roll back: sales fell.", reason="At night.")
    back = office.at().roll_back("greetings", reason="Roll back: sales fell.", evidence={"e": 41})
    said = "otto  judged shop:1.1.0 roll-back on greetings: Roll back: sales fell. At night."
    assert told(judged).endswith(said)
    assert told(back).endswith(
        "rolled back from shop:1.1.0 to shop:1.0.0 on greetings: Roll back: sales fell."
    )


def test_new_rules_are_told_by_what_changed() -> None:
    before = Policy(
        guardrails=(Guardrail("errors", "higher"), Guardrail("slow", "higher", limit_ms=80))
    )
    assert changes_text(changes(before, before)) == "  as it was before"
    after = replace(
        before, risk=0.01, guardrails=before.guardrails[:1], ramp=Ramp((10_000, 50_000))
    )
    assert changes_text(changes(before, after)).splitlines() == [
        "  risk             0.05 → 0.01",
        "  ramp             none → shares 0.01 0.05, step 1d",
        f"  guardrails.slow  {SLOW} → none",
    ]


def test_all_rules_are_shown() -> None:
    shown = policy_text(Policy(layer=LayerPart("search", 0, 500_000), primary="sold"))
    for line in ("risk               0.05", "layer              name search, from 0, to 0.5"):
        assert f"  {line}\n" in f"{shown}\n"
    assert "  guardrails.sold    kind happened, window 7d, worse lower" in shown
    assert "  minimum            units 1000, baseline_units 1000, outcomes 50, days 7" in shown


def test_a_rollout_under_way_is_said_to_keep_its_rules() -> None:
    office = tried()
    said = kept(office.at().route("greetings"))
    assert said == "the rollout of shop:1.1.0 that is under way keeps the rules it began with"
    office.at().roll_back("greetings")
    assert kept(office.at().route("greetings")) is None
