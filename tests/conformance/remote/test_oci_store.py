"""A repository of a real registry against the suite of stores."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from pathlib import Path

import pytest

from ketch.errors import Refused
from ketch.remote.http import Session
from ketch.remote.oci import OciStore
from ketch.testing.stores import STORE_CHECKS, Check, untagging_is_final

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_a_repository_keeps_the_promises_of_a_store(
    check: Check, registry: str, tmp_path: Path
) -> None:
    """Debian's registry (2.8) takes no deletion of a tag, and that is what is said."""
    repository = f"suite/{secrets.token_hex(8)}"
    with Session(f"http://{registry}") as session, ExitStack() as expected:
        if check is untagging_is_final:
            expected.enter_context(pytest.raises(Refused, match="delete"))
        check(OciStore(session, repository, where=f"oci://{registry}/{repository}"), tmp_path)
