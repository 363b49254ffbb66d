"""Whatever the bytes of a file are, telling what model it is ends in words."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ketch.authoring.drafting.identify import SUFFIXES, identify
from ketch.errors import UsageError

SEEDS = (
    b"\x80\x04\x8c\x0csklearn.base\x94\x8c\x05Ridge\x94\x93\x94.",
    b"\x80\x02csklearn.base\nRidge\nq\0.",
    b'{"learner":{"gradient_booster":{},"learner_model_param":{}},"version":[3,4,1]}',
    b"{L\0\0\0\0\0\0\0\x07learnergradient_boosterlearner_model_paramversion[#L\0\0\0\0\0\0\0\x03i\3l\4",
    b"tree\nversion=v4\nmax_feature_idx=2\nfeature_names=a b\n",
    b"\x08\x08\x12\x04skl2:\x02ok",
    b"\x78\x9c\x4b\x4c\x4a\x06\x00\x02\x4d\x01\x27",
    b"BZh91AY",
    b"\xfd7zXZ\x00\x00",
)


def archive(members: dict[str, bytes]) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        for name, member in members.items():
            made.writestr(name, member)
    return content.getvalue()


ZIPS = (
    archive({"schema.json": b'{"__module__": "sklearn.base"}'}),
    archive({"m/data.pkl": b"\x80\x02ccollections\nOrderedDict\nq\0."}),
    archive({"m/archive_format": b"pt2", "m/models/model.json": b"{}"}),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from((*SEEDS, *ZIPS))))
    for _ in range(draw(st.integers(0, 8))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))]) + draw(st.binary(max_size=50))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


class TestEveryFileIsTold:
    """``identify`` returns what a file is, or raises ``UsageError``; it never breaks."""

    @given(damaged() | st.binary(max_size=400), st.sampled_from(sorted(SUFFIXES)))
    @settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_for_any_bytes_under_any_suffix(
        self, folder: Path, content: bytes, suffix: str
    ) -> None:
        path = folder / f"model{suffix}"
        path.write_bytes(content)
        try:
            identify(path)
        except UsageError as problem:
            assert problem.code == "init/unknown-model"  # noqa: PT017 # both ways are right
