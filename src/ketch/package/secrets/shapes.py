"""The tokens that services mark themselves, each with what marks it.

Shapes follow what the services publish for secret scanners; a token that has no mark of
its own is found by the name it is given to, in :mod:`ketch.package.secrets`.
"""

import re
from dataclasses import dataclass

_BEFORE = r"(?<![A-Za-z0-9+_-])"  # not inside a run of encoded data
_AFTER = r"(?![A-Za-z0-9_-])"


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of secret.

    Attributes:
        kind: What a finding calls it.
        marks: Texts of which one is in every such secret; looking for them is cheap.
        pattern: The whole secret.
    """

    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


def _token(kind: str, marks: str, pattern: str) -> Shape:
    """Return a shape that stands alone, never inside a longer run of encoded text."""
    return Shape(kind, tuple(marks.split()), re.compile(f"{_BEFORE}(?:{pattern}){_AFTER}"))


SHAPES: tuple[Shape, ...] = (
    Shape(
        "a private key",
        ("PRIVATE KEY",),
        re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    ),
    _token("an AWS access key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    _token("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _token("a GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,255}"),
    _token("a GitLab token", "glpat- gldt- glrt- glptt-", r"gl(?:pat|dt|rt|ptt)-[\w.-]{20,255}"),
    _token("a Slack token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,255}"),
    Shape(
        "a Slack webhook",
        ("hooks.slack.com",),
        re.compile(r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{20,120}"),
    ),
    _token("a Stripe key", "k_live_ k_test_ whsec_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}"),
    _token("a Stripe key", "whsec_", r"whsec_[A-Za-z0-9+/=]{32,255}"),
    _token("an Anthropic key", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{20,255}"),
    _token("an OpenAI key", "sk-", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,255}"),
    _token("an OpenAI key", "sk-", r"sk-[A-Za-z0-9]{40,64}"),
    _token("a token of a ketch hub", "ketch_", r"ketch_[0-9a-f]{8}_[A-Za-z0-9_-]{43}"),
    _token("a Hugging Face token", "hf_ api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,64}"),
    _token("a Google API key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    _token("a Google token", "ya29. GOCSPX-", r"ya29\.[\w-]{20,400}|GOCSPX-[\w-]{28}"),
    _token("an npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _token("a PyPI token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{50,400}"),
    _token("a Databricks token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _token("a SendGrid key", "SG.", r"SG\.[\w-]{22}\.[\w-]{43}"),
    _token("a Docker token", "dckr_", r"dckr_(?:pat|oat)_[\w-]{27,64}"),
    _token("a DigitalOcean token", "dop_v1_ doo_v1_", r"do[op]_v1_[0-9a-f]{64}"),
    _token("a Groq key", "gsk_", r"gsk_[A-Za-z0-9]{48,64}"),
    _token("a Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _token(
        "a JSON web token",
        "eyJ",
        r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}",
    ),
    Shape(
        "an Azure key",
        ("AccountKey=", "SharedAccessKey="),
        re.compile(r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,100}={0,2}"),
    ),
    Shape(
        "an Azure signature",
        ("sig=",),
        re.compile(r"(?<=[?&])sig=[A-Za-z0-9%+/]{40,120}(?:%3D|=){0,2}"),
    ),
    _token("an Azure client secret", "8Q~ 7Q~", r"[\w~.-]{3}[78]Q~[\w~.-]{31,37}"),
)
