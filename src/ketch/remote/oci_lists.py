"""The lists of an OCI registry, page by page: tags and referrers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ketch.package.digest import Digest
from ketch.package.oci import Descriptor
from ketch.remote.address import is_tag
from ketch.remote.calls import Reply
from ketch.remote.http import Session
from ketch.remote.replies import malformed
from ketch.store.index import Index

_PAGE = 1000
_MOST_TAGS = 100_000
_MOST_TAG_PAGES = 1000
_MOST_REFERRER_PAGES = 100


def tags(session: Session, base: str) -> list[str]:
    """Return every tag of a repository, once each; none where there is no repository.

    Raises:
        Unavailable: ``remote/malformed``: the list is none, or never ends.
    """
    names: dict[str, None] = {}
    for page in _pages(session, f"{base}/tags/list?n={_PAGE}", _MOST_TAG_PAGES):
        if page.status == 404:
            return []
        names.update(dict.fromkeys(_names(page.json(), page.url)))
        if len(names) > _MOST_TAGS:
            raise malformed(f"at most {_MOST_TAGS} tags, found more", page.url)
    return list(names)


def referrers(session: Session, base: str, subject: Digest) -> list[Descriptor] | None:
    """Return what a registry lists as referring to a digest; ``None`` where it lists nothing.

    Raises:
        Unavailable: ``remote/malformed``: the list is none, or never ends.
    """
    found: list[Descriptor] = []
    for page in _pages(session, f"{base}/referrers/{subject}", _MOST_REFERRER_PAGES):
        if page.status == 404:
            return None
        index = Index.from_json(page.json(), where=page.url)
        found += [each for _, each in index.named()]
    return found


def _pages(session: Session, path: str, most: int) -> Iterator[Reply]:
    """Yield a list's pages; where there is no list, the answer that says so."""
    following: str | None = path
    for _ in range(most):
        reply = session.request("GET", following or path, allow={404})
        yield reply
        following = session.next_page(reply)
        if following is None:
            return
    raise malformed(f"at most {most} pages, found more", session.url(path))


def _names(body: object, url: str) -> Sequence[str]:
    listed = body.get("tags") if isinstance(body, dict) else None
    if listed is None and isinstance(body, dict):
        return ()
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise malformed("a list `tags`, found none", url)
    return [one for one in listed if is_tag(one)]
