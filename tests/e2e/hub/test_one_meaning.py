"""A version means the same bytes to everybody who works with a hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.hubs import Nursery, Served
from tests.registries import Office, There, made

from ketch.errors import Refused
from ketch.hub.access import Role
from ketch.package import Digest, Package, Reference
from ketch.registry.hub import credentials
from ketch.runtime import Home

pytestmark = pytest.mark.servers

KETCH = Path(sys.executable).with_name("ketch")
GAUGE = Reference.parse("gauge:1.2.0")


@dataclass
class Team:
    """A hub that published ``gauge:1.2.0``, and somebody whose own bytes have that name."""

    served: Served
    home: Home
    published: Digest
    own: Digest

    @property
    def variables(self) -> Mapping[str, str]:
        """What the person has set."""
        return {
            "KETCH_HOME": str(self.home.path),
            "KETCH_REGISTRY": self.served.url,
            "KETCH_TOKEN": self.served.token("ana"),
        }

    def run(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Run a command as that person."""
        return subprocess.run(
            [KETCH, *arguments],
            env={**os.environ, **self.variables, **changed},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where hubs come from."""
    with closing(Nursery()) as found:
        yield found


@pytest.fixture
def team(nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """The hub runs, and ``gauge:1.2.0`` is in production there."""
    with nursery.hub(tmp_path / "hub") as served:
        with closing(Office(There(served))) as office:
            office.in_prod("gauge:1.2.0")
            published = office.at().resolve(GAUGE).digest
        home = Home(tmp_path / "home")
        mine = keep(home, "gauge:1.2.0", description="what nobody else has")
        found = Team(served, home, published, mine.digest)
        assert found.published != found.own
        for name, value in found.variables.items():
            monkeypatch.setenv(name, value)
        yield found


def keep(home: Home, reference: str, **changes: str) -> Package:
    """Put a package into the store of a home, under its name."""
    package, store = made(reference, **changes)
    for digest in store.digests():
        home.store.put_bytes(store.read(digest))
    home.store.tag(reference, package.descriptor)
    return package


def test_other_bytes_of_a_published_version_are_refused(team: Team) -> None:
    with pytest.raises(Refused) as problem:
        team.home.resolve(GAUGE)
    told = problem.value
    assert (told.code, told.where) == ("version/other-bytes", team.served.url)
    assert told.message.index(str(team.published)) < told.message.index(str(team.own))
    assert f"`gauge@{team.own}`" in str(told.hint)


@pytest.mark.parametrize(
    "command",
    [
        ("verify", "gauge:1.2.0"),
        ("predict", "gauge:1.2.0", "-"),
        ("inspect", "gauge:1.2.0"),
        ("export", "folder", "gauge:1.2.0", "out"),
        ("sign", "gauge:1.2.0", "--key", "ana.key"),
    ],
    ids=lambda one: one[0],
)
def test_no_verb_takes_them_for_the_published_ones(
    team: Team, command: tuple[str, ...], tmp_path: Path
) -> None:
    if command[0] == "sign":
        assert team.run("keygen", str(tmp_path / "ana.key"), "--no-passphrase").returncode == 0
        command = (*command[:-1], str(tmp_path / "ana.key"))
    done = team.run(*command, "--json")
    assert json.loads(done.stdout)["code"] == "version/other-bytes", done.stderr
    assert done.returncode == 1


def test_by_its_digest_each_of_the_two_is_what_it_is(team: Team) -> None:
    for digest in (team.own, team.published):
        assert team.home.open(Reference(GAUGE.name, digest)).digest == digest
    assert team.home.open(Reference.parse("gauge@prod")).digest == team.published
    tagged = team.home.store.resolve("gauge:1.2.0")
    assert tagged is not None
    assert tagged.digest == team.own, "and nobody's name was taken"


def test_what_is_not_published_means_what_is_here(team: Team) -> None:
    mine = keep(team.home, "gauge:1.3.0")
    assert team.home.open(Reference.parse("gauge:1.3.0")).digest == mine.digest


def test_a_token_for_other_packages_leaves_what_is_here(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = team.served.token("ben", Role.VIEWER, ("shop*",))
    monkeypatch.setenv("KETCH_TOKEN", limited)
    assert team.home.resolve(GAUGE) == team.own
    monkeypatch.setenv("KETCH_TOKEN", f"{limited[:-1]}{'a' if limited[-1] != 'a' else 'b'}")
    with pytest.raises(Refused) as problem:
        team.home.resolve(GAUGE)
    assert problem.value.code == "hub/unknown-token"


def test_without_the_hub_a_version_means_what_is_here(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KETCH_REGISTRY", "http://127.0.0.1:9")
    assert team.home.resolve(GAUGE) == team.own


def test_a_hub_is_asked_for_a_stage_by_pull(team: Team, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    done = team.run("pull", f"{team.served.url}/gauge@staging", KETCH_HOME=elsewhere)
    assert done.returncode == 2
    assert "no version of `gauge` is at staging" in done.stderr
    done = team.run("pull", f"{team.served.url}/gauge@prod", KETCH_HOME=elsewhere)
    assert done.returncode == 0, done.stderr
    assert f"gauge:1.2.0 is here as {team.published}" in done.stdout


def test_of_the_own_hub_a_package_needs_no_address(team: Team, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    for source in ("gauge@prod", "gauge:1.2.0"):
        done = team.run("pull", source, KETCH_HOME=elsewhere)
        assert f"gauge:1.2.0 is here as {team.published}" in done.stdout, done.stderr
    done = team.run("pull", "gauge:1.2.0", KETCH_REGISTRY=f"sqlite:///{tmp_path / 'registry.db'}")
    assert "expected an address" in done.stderr


def test_what_was_published_takes_its_name_here_when_somebody_says_so(team: Team) -> None:
    done = team.run("pull", "gauge:1.2.0")
    assert done.returncode == 1
    assert "`ketch pull --replace`" in done.stderr
    with pytest.raises(Refused) as problem:
        team.home.resolve(GAUGE)
    assert "`ketch pull gauge:1.2.0 --replace`" in str(problem.value.hint)
    done = team.run("pull", "gauge:1.2.0", "--replace")
    assert done.returncode == 0, done.stderr
    assert team.home.resolve(GAUGE) == team.published
    assert team.home.open(Reference(GAUGE.name, team.own)).digest == team.own


def test_what_is_published_here_gives_its_name_to_nobody(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version means one package for ever in the registry of a machine alone, too."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    credentials.keep(team.served.url, team.served.token("ana"))
    alone = f"sqlite:///{tmp_path / 'registry.db'}"
    assert team.run("push", "gauge:1.2.0", KETCH_REGISTRY=alone).returncode == 0
    source = f"{team.served.url}/gauge:1.2.0"
    done = team.run("pull", source, "--replace", KETCH_REGISTRY=alone)
    assert "`gauge:1.2.0` is" in done.stderr
    assert "for ever" in done.stderr
    tagged = team.home.store.resolve("gauge:1.2.0")
    assert tagged is not None
    assert tagged.digest == team.own


def test_who_has_no_token_is_told_how_to_get_in(team: Team) -> None:
    keep(team.home, "gauge:1.3.0")
    done = team.run("push", "gauge:1.3.0", KETCH_TOKEN="")
    assert done.returncode == 1
    assert "`ketch login`" in done.stderr


def test_a_push_says_where_it_published(team: Team) -> None:
    mine = keep(team.home, "gauge:1.3.0")
    done = team.run("push", "gauge:1.3.0")
    assert done.returncode == 0, done.stderr
    assert f"is published as {mine.digest} in {team.served.url}\n" in done.stdout
    done = team.run("push", "gauge:1.3.0", KETCH_REGISTRY="")
    assert done.returncode == 0, done.stderr
    assert f"is published as {mine.digest} in the registry of this machine\n" in done.stdout


def test_who_approves_promotes_or_rejects_is_told_which_bytes(team: Team) -> None:
    keep(team.home, "gauge:1.3.0")
    assert team.run("push", "gauge:1.3.0").returncode == 0
    digest = team.home.resolve(Reference.parse("gauge:1.3.0"))
    ben = {"KETCH_TOKEN": team.served.token("ben")}
    for said in (
        ("approve", "gauge:1.3.0"),
        ("reject", "gauge:1.3.0", "--reason", "not yet"),
        ("promote", "gauge:1.3.0", "limited", "--share", "10%"),
    ):
        done = team.run(*said, **ben)
        assert f"gauge:1.3.0  {digest}\n" in done.stdout, done.stderr


def test_the_people_whose_signatures_count_are_shown_by_name(team: Team, tmp_path: Path) -> None:
    policy = tmp_path / "route.toml"
    policy.write_text(f'[publishers]\npia = "{"a" * 64}"\nben = "{"b" * 64}"\n')
    assert team.run("route", "set", "greetings", str(policy)).returncode == 0
    shown = team.run("route", "show", "greetings").stdout
    assert f"ben {'b' * 64}, pia {'a' * 64}" in shown or f"pia {'a' * 64}, ben {'b' * 64}" in shown
    assert "{" not in shown
