"""``ketch promote``: move a package to a stage of its route, through every gate."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, meant, route_text
from ketch.errors import UsageError
from ketch.package import Reference, Stage
from ketch.registry import Share
from ketch.runtime import Home
from ketch.schema import nearest


def promote(
    package: str,
    stage: str,
    /,
    *,
    share: str | None = None,
    reason: str = "",
    route: str | None = None,
    override: bool = False,
    revision: int | None = None,
    json: bool = False,
) -> None:
    """Move a published package to staging, limited or prod of its route.

    Args:
        package: The package, such as `shop:1.0.0`.
        stage: `staging`, `limited`, `prod`; `dev` takes it off the route.
        share: Its share of units at limited, such as 10%.
        reason: Why, for the history.
        route: Another route than the one in its ketch.toml.
        override: Pass by the gates of approval, comparison and experiment; needs a reason.
        revision: Refuse when the route has changed since this revision of it.
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        event = known.promote(
            Reference.parse(package),
            _stage(stage),
            share=None if share is None else Share.parse(share),
            reason=reason,
            route=route,
            override=override,
            expected=revision,
        )
        standing = known.route(event.subject.partition(":")[2])
    Printer(as_json=json).show(event_json(event), f"{meant(event)}\n{route_text(standing)}")


def _stage(text: str) -> Stage:
    try:
        return Stage(text)
    except ValueError as error:
        near = nearest(text, [str(stage) for stage in Stage])
        listed = ", ".join(f"`{stage}`" for stage in Stage)
        raise UsageError(
            f"expected a stage ({listed}), found `{text[:40]}`",
            code="usage/stage",
            hint=f"did you mean `{near}`?" if near else None,
        ) from error
