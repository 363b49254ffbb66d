"""Laws of the scan for secrets."""

import base64
import uuid

from hypothesis import given
from hypothesis import strategies as st

from ketch.package.secrets.scan import scan_text

WORDS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
secrets = st.text(WORDS, min_size=36, max_size=36)


class TestASecretIsNeverRepeated:
    """What is found appears in no finding beyond its first four characters."""

    @given(
        secrets, st.sampled_from(["ghp_{}", "hf_{}", "postgres://ada:{}@db/x", "password='{}1a'"])
    )
    def test_findings(self, secret: str, form: str) -> None:
        text = form.format(secret)
        findings = scan_text(text, "a.py")
        assert findings
        assert not any(secret[:8] in str(finding.to_json()) for finding in findings)


class TestEncodedDataPasses:
    """Digests, UUIDs and encoded bytes are no secrets, whatever they spell."""

    @given(st.binary(min_size=1, max_size=2_000))
    def test_base64(self, content: bytes) -> None:
        assert scan_text(f'{{"weights": "{base64.b64encode(content).decode()}"}}', "a.json") == ()

    @given(st.binary(min_size=1, max_size=64))
    def test_hex(self, content: bytes) -> None:
        assert scan_text(f'revision = "{content.hex()}"', "a.toml") == ()

    @given(st.binary(min_size=32, max_size=32))
    def test_digests(self, content: bytes) -> None:
        assert scan_text(f'token = "sha256:{content.hex()}"', "a.toml") == ()

    @given(st.uuids())
    def test_uuids(self, one: uuid.UUID) -> None:
        assert scan_text(f'"token": "{one}"', "a.json") == ()


class TestAnyTextIsScanned:
    """A scan ends on any text, and points at lines that are there."""

    @given(st.text(), st.sampled_from(["a.py", "a.json", "a", "a.ini"]))
    def test_texts(self, text: str, path: str) -> None:
        for finding in scan_text(text, path):
            line = int(str(finding.where).rpartition(":")[2])
            assert 1 <= line <= text.count("\n") + 1
