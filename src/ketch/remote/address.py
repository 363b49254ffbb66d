"""Addresses of remotes: where packages are, and which one is meant.

=========================================  ============================================
``oci://host[:port]/team/shop``            a repository of an OCI registry; its tags are
                                           the versions of one package
``s3://bucket/prefix``                     a bucket, also ``gs://`` and ``az://``; below the
                                           prefix lie packages of any name
``https://hub.shop.example``               a ketch hub
=========================================  ============================================

A package in it is written behind that: ``oci://host/team/shop:1.0.0``,
``s3://bucket/prefix/shop:1.0.0``, ``https://hub.shop.example/shop:1.0.0``, or with
``@sha256:…`` in place of the version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NoReturn, Self

from ketch.errors import ManifestError, UsageError
from ketch.package.digest import Digest
from ketch.package.names import NAME_PATTERN, check_name
from ketch.package.paths import printable
from ketch.schema.nearest import nearest


class Scheme(StrEnum):
    """What kind of place an address names."""

    OCI = "oci"
    S3 = "s3"
    GS = "gs"
    AZ = "az"
    HTTP = "http"
    HTTPS = "https"

    @property
    def is_bucket(self) -> bool:
        """Whether it is an object store."""
        return self in {Scheme.S3, Scheme.GS, Scheme.AZ}

    @property
    def is_hub(self) -> bool:
        """Whether it is a ketch hub."""
        return self in {Scheme.HTTP, Scheme.HTTPS}


_SCHEMES = tuple(Scheme)
_MEANT: Mapping[str, str] = {
    **dict.fromkeys(("docker", "registry", "ghcr", "ecr", "docker-registry"), "oci"),
    **dict.fromkeys(("s3a", "s3n", "aws", "minio"), "s3"),
    **dict.fromkeys(("gcs", "gcp", "google"), "gs"),
    **dict.fromkeys(("azure", "abfs", "abfss", "wasb", "wasbs", "adl"), "az"),
    "hub": "https",
}
"""What other tools write for what we call otherwise."""

_SHAPE: Mapping[Scheme, str] = {
    Scheme.OCI: "oci://HOST/REPOSITORY",
    **{scheme: f"{scheme}://BUCKET/PREFIX" for scheme in (Scheme.S3, Scheme.GS, Scheme.AZ)},
    **{scheme: f"{scheme}://HOST" for scheme in (Scheme.HTTP, Scheme.HTTPS)},
}
_LONGEST = 512
_HOST = re.compile(
    r"(?:\[[0-9a-fA-F:.]{2,45}\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,252}[a-zA-Z0-9])?)(?::[0-9]{1,5})?"
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._=-]*")
_REPOSITORY = re.compile(rf"{NAME_PATTERN}(?:/{NAME_PATTERN})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")  # distribution-spec, "Pulling manifests"


@dataclass(frozen=True, slots=True)
class Address:
    """Where packages are, and which one, if one is meant.

    ``Address.parse(str(a)) == a`` for every address ``a``.

    Attributes:
        scheme: What kind of place it is.
        host: The host with its port, or the bucket.
        path: The repository, or the prefix in a bucket; empty for a hub.
        name: The package's name, where a place holds many: in a bucket, at a hub.
        tag: The version that is meant.
        digest: The content that is meant.
    """

    scheme: Scheme
    host: str
    path: str = ""
    name: str | None = None
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address.

        Raises:
            UsageError: ``remote/address``; the hint is the nearest one that can be read.
        """
        scheme, rest = _scheme(text)
        host, _, path = rest.partition("/")
        if "@" in rest.partition("/")[0]:
            text = re.sub(r"//[^/]*@", "//…@", text)
            _refuse(text, scheme, hint="credentials do not belong into an address")
        if "?" in rest or "#" in rest or not rest.isascii():
            _refuse(text, scheme, hint="neither `?` nor `#` belongs into an address")
        if not (_BUCKET if scheme.is_bucket else _HOST).fullmatch(host):
            _refuse(text, scheme)
        before, name, tag, digest = _choice(text, scheme, path.rstrip("/"))
        _check_path(text, scheme, before)
        return cls(scheme, host, before, name, tag, digest)

    @property
    def place(self) -> Self:
        """The address without what it chooses."""
        return replace(self, name=None, tag=None, digest=None)

    def __str__(self) -> str:
        chosen = f":{self.tag}" if self.tag else f"@{self.digest}" if self.digest else ""
        path = "/".join(part for part in (self.path, self.name) if part)
        return f"{self.scheme}://{self.host}{f'/{path}' if path else ''}{chosen}"


def is_tag(text: str) -> bool:
    """Whether a text is a tag of an OCI registry."""
    return _TAG.fullmatch(text) is not None


def _scheme(text: str) -> tuple[Scheme, str]:
    named, mark, rest = text.partition("://")
    if len(text) > _LONGEST:
        message = f"expected an address of at most {_LONGEST} characters, found {len(text)}"
        raise UsageError(message, code="remote/address")
    if mark and named in _SCHEMES:
        return Scheme(named), rest
    schemes = ", ".join(f"`{scheme}://`" for scheme in _SCHEMES)
    raise UsageError(
        f"expected an address that starts with one of {schemes}, found `{printable(text)}`",
        code="remote/address",
        hint=_near(named, mark, rest, text),
    )


def _near(named: str, mark: str, rest: str, text: str) -> str | None:
    if not mark:
        head, colon, tail = text.partition(":")
        if colon and head.lower() in _SCHEMES and tail.startswith("/"):
            return _did_you_mean(f"{head.lower()}://{tail.lstrip('/')}")
        is_host = "/" in text and ("." in text.partition("/")[0] or ":" in text.partition("/")[0])
        return _did_you_mean(f"oci://{text}") if is_host else None
    meant = _MEANT.get(named.lower()) or nearest(named, _SCHEMES)
    return _did_you_mean(f"{meant}://{rest}") if meant else None


def _choice(
    text: str, scheme: Scheme, path: str
) -> tuple[str, str | None, str | None, Digest | None]:
    """Cut what is chosen off a path: the path before it, name, tag and digest."""
    before, slash, last = path.rpartition("/")
    name, mark, chosen = _cut(last)
    if not mark:
        return path, None, None, None
    tag, digest = None, None
    if mark == "@":
        try:
            digest = Digest.parse(chosen)
        except ManifestError as problem:
            hint = "a digest is written in full: `@sha256:` and 64 hex digits"
            _refuse(text, scheme, hint=hint, cause=problem)
    elif _TAG.fullmatch(chosen):
        tag = chosen
    else:
        _refuse(text, scheme, hint="a version holds letters, digits, `.`, `_` and `-`")
    if scheme is Scheme.OCI:
        return f"{before}{slash}{name}", None, tag, digest
    for finding in check_name(name):
        _refuse(text, scheme, hint=finding.hint or finding.message)
    return before, name, tag, digest


def _cut(last: str) -> tuple[str, str, str]:
    cut = re.search("[:@]", last)
    return (last[: cut.start()], cut[0], last[cut.end() :]) if cut else (last, "", "")


def _check_path(text: str, scheme: Scheme, path: str) -> None:
    if scheme is Scheme.OCI and not (_REPOSITORY.fullmatch(path) and len(path) <= 255):
        is_upper = _REPOSITORY.fullmatch(path.lower()) is not None
        _refuse(
            text, scheme, hint=_did_you_mean(text.replace(path, path.lower())) if is_upper else None
        )
    if scheme.is_hub and path:
        host = text.partition("://")[2].partition("/")[0]
        _refuse(text, scheme, hint=_did_you_mean(f"{scheme}://{host}"))
    segments = path.split("/") if scheme.is_bucket and path else []
    if not all(_SEGMENT.fullmatch(one) and not one.endswith(".") for one in segments):
        _refuse(text, scheme, hint="a prefix holds letters, digits, `.`, `_`, `=`, `-` and `/`")


def _refuse(
    text: str, scheme: Scheme, *, hint: str | None = None, cause: Exception | None = None
) -> NoReturn:
    raise UsageError(
        f"expected `{_SHAPE[scheme]}`, found `{printable(text)}`",
        code="remote/address",
        hint=hint,
    ) from cause


def _did_you_mean(text: str) -> str:
    return f"did you mean `{printable(text)}`?"
