"""Secrets are found; digests, revisions, schemas and encoded data are not.

The tokens are put together here, so that no scanner takes this file for a leak.
"""

import base64
import hashlib
import json
import os
import re
import uuid
from pathlib import Path

import pytest

from ketch.package.secrets.scan import is_key_file, scan, scan_text

LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA2cD4eF6"
JWT_PARTS = ("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJub2JvZHkifQ", "c2lnbmF0dXJl" * 2)

TOKENS = {
    "a GitHub token": "ghp_" + LETTERS[:36],
    "a fine-grained GitHub token": "github_pat_" + LETTERS[:30],
    "a GitLab token": "glpat-" + LETTERS[:20],
    "a Slack token": "xoxb-" + "1234567890-" + LETTERS[:20],
    "a Slack webhook": "https://hooks.slack.com" + "/services/T0000/B0000/" + LETTERS[:24],
    "a Stripe key": "sk_live_" + LETTERS[:24],
    "an OpenAI key": "sk-proj-" + LETTERS,
    "an old OpenAI key": "sk-" + (LETTERS * 2)[:48],
    "an Anthropic key": "sk-ant-" + "api03-" + LETTERS,
    "a Hugging Face token": "hf_" + LETTERS[:34],
    "a token of a ketch hub": "ketch_0123abcd_" + (LETTERS * 2)[:43],
    "a Google API key": "AIza" + LETTERS[:35],
    "an AWS access key": "AKIA" + "Q3EGTN7W5XZ2ABCD",
    "an npm token": "npm_" + LETTERS[:36],
    "a PyPI token": "pypi-" + "AgEIcHlwaS5vcmc" + LETTERS * 2,
    "a Databricks token": "dapi" + "0123456789abcdef" * 2,
    "an Azure key": "AccountKey=" + LETTERS * 2 + "==",
    "a JSON web token": ".".join(JWT_PARTS),
    "a private key": "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "a PGP key": "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----",
    "an address": "mysql+pymysql://scorer:" + "n0tsosecret@db.shop.example/features",
    "an address without a user": "redis://:" + "n0tsosecret@cache:6379/0",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("pipeline.py", "client = connect('{}')"),
        ("settings.json", '{{"value": "{}"}}'),
        ("notes.txt", "use {} for now"),
        ("notes.md", "see {}/x"),
        (".config", "VALUE={}"),
    ],
)
def test_marked_tokens_are_found_in_any_text(token: str, path: str, line: str) -> None:
    (finding,) = scan_text(f"first\n{line.format(token)}\nlast\n", path)
    assert (finding.code, finding.where, finding.blocks) == ("package/secret", f"{path}:2", True)
    assert token not in str(finding)
    assert token[:4] + "…" in finding.message


@pytest.mark.parametrize(
    "line",
    [
        'password = "hunter22"',
        "DB_PASSWORD: str = 'Swordfish'",
        'db.connect(password="tr0ub4dor-and-3")',
        '"password": "hunter22",',
        'API_KEY = "0123456789abcdef0123456789abcdef"',
        "headers['api-key'] = 'q7Xw2Lp9Zt4Vb8Nc6Rm1Ks5'",
        'client_secret => "q7Xw2Lp9Zt4Vb8Nc6Rm1Ks5"',
        'auth_token = "q7Xw2Lp9Zt4Vb8Nc6Rm1Ks5"',
    ],
)
def test_values_are_found_by_the_name_they_are_given_to(line: str) -> None:
    assert [finding.code for finding in scan_text(line, "pipeline.py")] == ["package/secret"]


def test_bare_words_count_where_strings_need_no_quotes() -> None:
    line = "API_KEY=q7Xw2Lp9Zt4Vb8Nc6Rm1Ks5\n"
    assert scan_text(line, "settings.ini")
    assert not scan_text("token = next_token_of_line2(reader)\n", "pipeline.py")


HONEST = {
    "a placeholder": 'password = "<your password>"',
    "a template": 'password = "${DB_PASSWORD}"',
    "a form field": 'password = "password"',
    "a format": 'url = f"postgresql://{user}:{password}@{host}/db"',
    "a read variable": 'token = os.environ["FEATURE_TOKEN"]',
    "a call": "password = getpass.getpass()",
    "a schema": 'token = "string"\npassword = { type = "string" }\napi_key = "float64"',
    "names of secrets": 'secrets = ["FEATURE_TOKEN", "DB_PASSWORD_2024"]',
    "the name of a variable": 'api_key_env = "PROD_FEATURE_STORE_KEY_2024A"',
    "a vocabulary": '{"pad_token": "[PAD]", "unk_token": "<unk>", "token": "Ġrecommend"}',
    "a tokenizer": 'tokenizer = "distilbert-base-uncased-finetuned-sst-2"',
    "a resource": 'secret = "projects/shop/secrets/feature-store/versions/12"',
    "a token's file": 'token_path = "/var/run/secrets/q7Xw2Lp9Zt4Vb8Nc6Rm1Ks5"',
    "a digest": f'token = "sha256:{hashlib.sha256(b"").hexdigest()}"',
    "a lock": f"numpy==2.0.0 --hash=sha256:{hashlib.sha256(b'numpy').hexdigest()}",
    "a revision": f'revision = "{hashlib.sha256(b"").hexdigest()[:40]}"',
    "a UUID": f'token = "{uuid.UUID(int=2**100 + 7)}"',
    "an address": "see https://shop.example:8080/docs@latest and ssh://git@shop.example/x",
    "documentation of AWS": "AKIAIOSFODNN7EXAMPLE",
    "a public key": "-----BEGIN PUBLIC KEY-----",
    "a library": "pip install sk-learn-contrib-tools hf_transfer",
    "a comment": "# the token is a word; its password must be at least 8 letters",
}


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST)
@pytest.mark.parametrize("path", ["ketch.toml", "README.md", "pipeline.py", "settings.yaml"])
def test_honest_lines_pass(text: str, path: str) -> None:
    assert scan_text(text, path) == ()


def test_encoded_model_data_in_json_passes() -> None:
    generated = b"".join(hashlib.sha512(str(n).encode()).digest() for n in range(5_000))
    document = {
        "trees": base64.b64encode(generated).decode(),
        "weights": [n / 7 for n in range(99)],
    }
    assert scan_text(json.dumps(document), "model/trees.json") == ()


def test_a_remark_silences_a_line_and_is_reported() -> None:
    line = 'SAMPLE_PASSWORD = "hunter22"  # ketch: not-a-secret\n'
    (finding,) = scan_text(line, "pipeline.py")
    assert (finding.code, finding.blocks) == ("package/secret-silenced", False)


def test_a_file_without_remarks_is_silenced_place_by_place_in_ketch_toml(tmp_path: Path) -> None:
    """JSON has no remarks, and what a program wrote is not to be edited."""
    (tmp_path / "model").mkdir()
    token = TOKENS["a GitHub token"]
    (tmp_path / "model" / "the words.json").write_text(f'{{\n"a": "{token}",\n"b": "{token}"\n}}')
    (tmp_path / "ketch.toml").write_text("[package]\n")
    files = ["ketch.toml", "model/the words.json"]
    one, other = scan(tmp_path, files)
    assert (one.where, other.where) == ("model/the words.json:2", "model/the words.json:3")
    (remark,) = re.findall(r"`(# ketch: not-a-secret [^`]+)`", str(one.hint))
    (tmp_path / "ketch.toml").write_text(f'[package]  {remark}  \nname = "shop"\n')
    found = [(finding.code, finding.where, finding.blocks) for finding in scan(tmp_path, files)]
    assert found == [
        ("package/secret-silenced", one.where, False),
        ("package/secret", other.where, True),
    ]


def test_silenced_lines_do_not_hide_a_secret_after_them() -> None:
    silenced = 'password = "hunter22"  # ketch: not-a-secret\n' * 50
    findings = scan_text(silenced + 'password = "hunter22"', "a.py")
    assert [finding.where for finding in findings if finding.blocks] == ["a.py:51"]


def test_a_short_secret_is_not_shown_in_half() -> None:
    (finding,) = scan_text('password = "hunter22"', "pipeline.py")
    assert "`hu…`" in finding.message


def test_one_secret_is_one_finding() -> None:
    assert len(scan_text(f'API_TOKEN = "{TOKENS["a GitHub token"]}"', "a.py")) == 1


def test_every_secret_of_a_file_is_found_up_to_twenty() -> None:
    text = "\n".join(f"value {token}" for token in TOKENS.values())
    found = [finding.where for finding in scan_text(text * 2, "a.txt")]
    assert found == [f"a.txt:{line}" for line in range(1, 21)]


@pytest.mark.parametrize(
    "path",
    [
        *(
            ".env",
            ".env.production",
            "prod.env",
            "id_rsa",
            "keys/id_ed25519",
            "server.PEM",
            "a.p12",
        ),
        *("a.pfx", "a.key", ".netrc", "_netrc", ".pypirc", ".npmrc", "credentials.json", "a.kdbx"),
        *(".git-credentials", "secrets.toml", "client_secret_42.json", "service-account.json"),
        *("kubeconfig", "a.jks", "aws_credentials", "application_default_credentials.json"),
    ],
)
def test_files_that_hold_keys_are_known_by_name(path: str) -> None:
    assert is_key_file(path)


@pytest.mark.parametrize(
    "path",
    [
        *("environment.py", "env.py", "secrets.py", "monkey.json", "keys.csv", "credentials.py"),
        *("model/key.bin", "id_rsa.md", "tokenizer.json", "service.json", "id_map.parquet"),
    ],
)
def test_other_files_are_not(path: str) -> None:
    assert not is_key_file(path)


def test_a_key_file_is_refused_unread(tmp_path: Path) -> None:
    (finding,) = scan(tmp_path, ["lookup/credentials.json"])
    assert finding.code == "package/secret-file"


def test_binary_files_are_not_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0\1\2" + TOKENS["a GitHub token"].encode())
    assert scan(tmp_path, ["weights.bin"]) == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_is_read_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    text = f"# größe\nkey = {TOKENS['a GitHub token']}\n"
    (tmp_path / "notes.txt").write_text(text, encoding=encoding)
    assert [finding.where for finding in scan(tmp_path, ["notes.txt"])] == ["notes.txt:2"]


def test_what_is_no_file_is_left_to_the_other_checks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert scan(tmp_path, ["pipe", "folder", "gone"]) == ()


def test_letters_whose_small_form_is_longer_move_nothing() -> None:
    """``İ`` becomes two letters; what is found is still what stands there."""
    (finding,) = scan_text("\u0130" * 9 + '\nPassWord = "n0tsosecret"\n', "pipeline.py")
    assert finding.where == "pipeline.py:2"
    assert "`n0…`" in finding.message
