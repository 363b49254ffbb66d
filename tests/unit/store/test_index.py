"""The index of an image layout, as a value."""

import pytest

from ketch.errors import ManifestError
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_MANIFEST, Descriptor
from ketch.store.index import Index, referrers_tag, subject_of

ONE = Descriptor(IMAGE_MANIFEST, Digest.of(b"one"), 3, {"a": "b"})
TWO = Descriptor(IMAGE_MANIFEST, Digest.of(b"two"), 3)


def test_index_comes_back_as_it_was_written() -> None:
    index = Index((), {"annotations": {"x": "y"}}).bind("a:1", ONE).bind("b:1", TWO)
    again = Index.parse(index.to_bytes(), where="index.json")
    assert again == index
    assert again.to_bytes() == index.to_bytes()


def test_name_stands_for_what_was_bound_last() -> None:
    index = Index().bind("a:1", ONE).bind("a:1", TWO)
    assert index.resolve("a:1") == TWO
    assert len(index.entries) == 1
    assert index.unbind("a:1").resolve("a:1") is None
    assert index.unbind("other") is index


def test_referrers_are_no_tags() -> None:
    index = Index().bind("a:1", ONE).bind(referrers_tag(ONE.digest), TWO)
    assert index.tags() == {"a:1": ONE}
    assert subject_of(referrers_tag(ONE.digest)) == ONE.digest
    assert subject_of("a:1") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"{}", b'{"schemaVersion":1,"manifests":[]}', b"[" * 100_000],
)
def test_what_is_no_index_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestError):
        Index.parse(content, where="index.json")


def test_entry_without_a_digest_is_refused_when_it_is_read() -> None:
    index = Index.parse(b'{"schemaVersion":2,"manifests":[{"size":3}]}', where="index.json")
    with pytest.raises(ManifestError, match="mediaType"):
        list(index.named())
