"""The document ``index.json`` of an OCI image layout, as a value.

Implements "index.json file" of the OCI image specification 1.1 (``image-layout.md``) and,
for referrers, the "Referrers Tag Schema" of the distribution specification 1.1: the index
of what refers to ``sha256:<hex>`` is tagged ``sha256-<hex>``.
Entries and members of other tools are kept as they are.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from ketch.errors import ManifestError, Refused, UsageError
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.package.paths import printable

REF_NAME = "org.opencontainers.image.ref.name"

Entry = Mapping[str, object]

# image-spec annotations.md, "org.opencontainers.image.ref.name"
_TAG = re.compile(r"[A-Za-z0-9]+(?:(?:[-._:@+]|--|/)[A-Za-z0-9]+)*")
_LONGEST_TAG = 255
_REFERRERS_TAG = re.compile(r"sha256-([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Index:
    """The entries of an image index; a name stands for at most one of ours.

    ``Index.parse(i.to_bytes()) == i`` for every index ``i``.
    """

    entries: tuple[Entry, ...] = ()
    others: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes, *, where: str) -> Self:
        """Read an index from this machine's own store: fast, for thousands of entries.

        Raises:
            ManifestError: It is no image index.
        """
        try:
            body = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ManifestError(
                f"expected an image index, found otherwise: {error}",
                code="store/index",
                where=where,
                hint="run `ketch fsck --repair`: it sets the file aside and names packages again",
            ) from error
        return cls.from_json(body, where=where)

    @classmethod
    def from_json(cls, body: object, *, where: str) -> Self:
        """Read an index that was parsed already.

        Raises:
            ManifestError: It is no image index.
        """
        entries = body.get("manifests") if isinstance(body, dict) else None
        if (
            not isinstance(body, dict)
            or body.get("schemaVersion") != 2
            or not isinstance(entries, list)
            or not all(isinstance(entry, dict) for entry in entries)
        ):
            raise ManifestError(
                "expected an image index with `schemaVersion` 2 and a list `manifests`",
                code="store/index",
                where=where,
            )
        known = {"schemaVersion", "mediaType", "manifests"}
        others = {key: value for key, value in body.items() if key not in known}
        return cls(tuple(entries), others)

    @classmethod
    def of(cls, descriptors: Iterable[Descriptor]) -> Self:
        """Return an index of descriptors without names."""
        return cls(tuple(descriptor.to_json() for descriptor in descriptors))

    def to_bytes(self) -> bytes:
        """Return the canonical text."""
        body = {
            **self.others,
            "schemaVersion": 2,
            "mediaType": IMAGE_INDEX,
            "manifests": self.entries,
        }
        return msgspec.json.encode(body, order="sorted")

    def resolve(self, name: str) -> Descriptor | None:
        """Return what a name stands for."""
        for entry in self.entries:
            if ref_name(entry) == name:
                return descriptor_of(entry, where=f"index.json: {name}")
        return None

    def bind(self, name: str, descriptor: Descriptor) -> Self:
        """Return the index in which ``name`` stands for ``descriptor``."""
        annotations = {**descriptor.annotations, REF_NAME: name}
        entry = {**descriptor.to_json(), "annotations": annotations}
        return type(self)((*self.unbind(name).entries, entry), self.others)

    def unbind(self, name: str) -> Self:
        """Return the index in which ``name`` stands for nothing."""
        kept = tuple(entry for entry in self.entries if ref_name(entry) != name)
        return self if len(kept) == len(self.entries) else type(self)(kept, self.others)

    def without(self, name: str | None, descriptor: Descriptor) -> Self:
        """Return the index without the entry of this name, if any, for this content."""
        where, gone = "index.json", (name, descriptor.digest)
        kept = tuple(
            entry
            for entry in self.entries
            if (ref_name(entry), descriptor_of(entry, where=where).digest) != gone
        )
        return type(self)(kept, self.others)

    def named(self) -> Iterator[tuple[str | None, Descriptor]]:
        """Yield every entry with its name, if it has one."""
        for position, entry in enumerate(self.entries):
            yield ref_name(entry), descriptor_of(entry, where=f"index.json: manifests[{position}]")

    def tags(self) -> dict[str, Descriptor]:
        """Return every name and what it stands for, sorted; not the referrers' tags."""
        found = {
            name: descriptor
            for name, descriptor in self.named()
            if name is not None and subject_of(name) is None
        }
        return dict(sorted(found.items()))


def ref_name(entry: Entry) -> str | None:
    """Return the name of an entry, if it has one."""
    annotations = entry.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return name if isinstance(name, str) else None


def descriptor_of(entry: object, *, where: str) -> Descriptor:
    """Return the descriptor of an entry, without its name."""
    found = Descriptor.from_json(entry, where=where)
    if REF_NAME not in found.annotations:
        return found
    kept = {key: value for key, value in found.annotations.items() if key != REF_NAME}
    return Descriptor(found.media_type, found.digest, found.size, kept, found.artifact_type)


def referrers_tag(subject: Digest) -> str:
    """Return the tag under which the index of a subject's referrers is found."""
    return f"sha256-{subject.hex}"


def subject_of(tag: str) -> Digest | None:
    """Return the subject whose referrers a tag names; ``None`` for any other tag."""
    match = _REFERRERS_TAG.fullmatch(tag)
    return Digest(match[1]) if match else None


def joined(known: Iterable[Descriptor], more: Iterable[Descriptor]) -> list[Descriptor]:
    """Return referrers, each once; what is known stays as it is described, and where it is."""
    found = {each.digest: each for each in known}
    for each in more:
        found.setdefault(each.digest, each)
    return list(found.values())


def check_tag(name: str) -> None:
    """Refuse what is no name for a person to give.

    Raises:
        UsageError: ``store/tag-syntax``.
    """
    if len(name) > _LONGEST_TAG or not _TAG.fullmatch(name) or subject_of(name):
        raise UsageError(
            f"expected a tag such as `recommender:1.0.0`, found `{printable(name)}`",
            code="store/tag-syntax",
            hint="letters and digits, joined by one of `-._:@+/`; not `sha256-…`",
        )


def rebind(index: Index, name: str, descriptor: Descriptor, *, replace: bool) -> Index:
    """Return the index with one more tag; the same index when it says so already.

    Raises:
        Refused: The name stands for other content and ``replace`` is false.
    """
    current = index.resolve(name)
    if current == descriptor:
        return index
    if current is not None and current.digest != descriptor.digest and not replace:
        raise Refused(
            f"expected `{name}` to stand for `{descriptor.digest}`, found `{current.digest}`",
            code="store/tag-taken",
            where=name,
            hint="a version never changes meaning: give the new content a new version",
        )
    return index.bind(name, descriptor)
