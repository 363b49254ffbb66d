"""Laws of the index of an image layout."""

from hypothesis import given
from hypothesis import strategies as st

from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_MANIFEST, Descriptor
from ketch.store.index import Index, referrers_tag, subject_of

digests = st.binary(max_size=4).map(Digest.of)
names = st.from_regex(r"[a-z0-9]{1,4}:[0-9](\.[0-9]){0,2}", fullmatch=True)
descriptors = st.builds(
    Descriptor,
    st.sampled_from([IMAGE_MANIFEST, "text/plain"]),
    digests,
    st.integers(0, 2**40),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    st.none() | st.text(min_size=1, max_size=5),
)
bindings = st.lists(st.tuples(names, descriptors), max_size=8)


def index_of(bound: list[tuple[str, Descriptor]]) -> Index:
    index = Index()
    for name, descriptor in bound:
        index = index.bind(name, descriptor)
    return index


class TestIndex:
    """An index is a table from names to descriptors, and its text says all of it."""

    @given(bindings)
    def test_text_says_all(self, bound: list[tuple[str, Descriptor]]) -> None:
        index = index_of(bound)
        again = Index.parse(index.to_bytes(), where="index.json")
        assert again == index
        assert again.to_bytes() == index.to_bytes()

    @given(bindings)
    def test_each_name_stands_for_what_was_bound_last(
        self, bound: list[tuple[str, Descriptor]]
    ) -> None:
        assert index_of(bound).tags() == dict(sorted(dict(bound).items()))

    @given(bindings, names)
    def test_unbinding_forgets_one_name_only(
        self, bound: list[tuple[str, Descriptor]], name: str
    ) -> None:
        left = dict(bound)
        left.pop(name, None)
        assert index_of(bound).unbind(name).tags() == dict(sorted(left.items()))

    @given(digests)
    def test_tag_of_referrers_names_its_subject(self, digest: Digest) -> None:
        assert subject_of(referrers_tag(digest)) == digest
