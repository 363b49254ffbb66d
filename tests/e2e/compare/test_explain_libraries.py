"""Behaviour that released libraries changed: explain names the library, among others that moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ketch.authoring import Options as Building
from ketch.authoring.build import build
from ketch.compare.explain import explain
from ketch.package import Package
from ketch.progress import Silent
from ketch.runtime import Home

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

OTHERS = (("six==1.16.0", "certifi==2023.7.22"), ("six==1.17.0", "certifi==2024.8.30"))
"""Libraries that every case changes as well, without effect."""


@dataclass(frozen=True)
class Changed:
    """A library that answers otherwise in a later version.

    Attributes:
        name: The library.
        before, after: Two versions.
        code: What `answer(n)` does with it.
        beside: Other libraries, which are also changed, before and after.
    """

    name: str
    before: str
    after: str
    code: str
    beside: tuple[str, str] = ("", "")


NUMPY = ("1.26.4", "2.2.6")
CASES = [
    Changed("numpy", *NUMPY, "import numpy as np\ndef answer(n): return str(np.float64(n))+repr(np.float64(n))"),
    Changed("numpy", *NUMPY, "import numpy as np\ndef answer(n): return str((np.float32(n) + 0.1).dtype)"),
    Changed("numpy", *NUMPY, "import numpy as np\ndef answer(n): return str(np.can_cast(np.uint8, np.int8)) + str(np.array([n], 'int8').dtype) + str(hasattr(np, 'float_'))"),
    Changed("numpy", *NUMPY, "import numpy as np\ndef answer(n): return str(np.unique([[n, 1], [1, 2]], return_inverse=True)[1].shape)"),
    Changed("pandas", "2.2.3", "3.0.1", "import pandas as pd\ndef answer(n): return str(pd.Series(['a', 'b']).dtype)"),
    Changed("pandas", "2.2.3", "3.0.1", "import pandas as pd\ndef answer(n): return str(pd.to_datetime(['2024-01-01']).dtype)"),
    Changed("pandas", "2.2.3", "3.0.1", "import pandas as pd\nimport warnings\nwarnings.simplefilter('ignore')\ndef answer(n):\n    frame = pd.DataFrame({'a': [1, 2]})\n    part = frame['a']\n    part[0] = 9\n    return str(frame['a'].sum())", ("numpy==1.26.4", "numpy==2.2.6")),
    Changed("pandas", "2.2.3", "3.0.1", "import pandas as pd\nimport warnings\nwarnings.simplefilter('ignore')\ndef answer(n):\n    kinds = pd.Categorical(['a'], categories=['a', 'b'])\n    return str(len(pd.DataFrame({'k': kinds, 'v': [1]}).groupby('k').sum()))"),
    Changed("pandas", "1.5.3", "2.2.3", "import pandas as pd\nimport warnings\nwarnings.simplefilter('ignore')\ndef answer(n): return str(pd.Series([1, 2, 2, 3]).value_counts().name)", ("numpy==1.26.4", "numpy==1.26.3")),
    Changed("pandas", "1.5.3", "2.2.3", "import pandas as pd\nimport warnings\nwarnings.simplefilter('ignore')\ndef answer(n): return str(pd.Index([1, 2], dtype='int8').dtype)", ("numpy==1.26.4", "numpy==1.26.3")),
    Changed("pytz", "2022.1", "2024.1", "import pytz, datetime\ndef answer(n): return str(pytz.timezone('America/Mexico_City').utcoffset(datetime.datetime(2023, 7, n + 1)))"),
    Changed("packaging", "21.3", "24.1", "from packaging import version\ndef answer(n): \n    try: return type(version.parse('a.b')).__name__\n    except Exception as problem: return type(problem).__name__"),
    Changed("python-slugify", "4.0.1", "8.0.4", "import slugify\ndef answer(n): return slugify.slugify(\"the n\\u2019s %d\" % n) + slugify.__version__[0]"),
    Changed("scikit-learn", "1.3.2", "1.5.2", "import numpy as np, warnings\nwarnings.simplefilter('ignore')\nfrom sklearn.cluster import KMeans\nX = np.random.RandomState(0).rand(60, 2)\ndef answer(n): return str(round(KMeans(7, random_state=n).fit(X).inertia_, 9))", ("numpy==1.26.4", "numpy==1.26.3")),
    Changed("scikit-learn", "1.2.2", "1.5.2", "from sklearn.preprocessing import OneHotEncoder\nimport warnings\nwarnings.simplefilter('ignore')\ndef answer(n): return str(sorted(OneHotEncoder().get_params()))", ("numpy==1.26.4", "numpy==1.26.3")),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("libraries") / "home")


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.name}-{CASES.index(one)}")
def test_the_library_is_named(
    case: Changed, home: Home, author: Callable[..., Path], tmp_path: Path
) -> None:
    def made(version: str, at: int) -> Package:
        lines = [f"{case.name}=={version}", *OTHERS[at], case.beside[at]]
        folder = author(
            tmp_path / str(at),
            f"{case.code}\n\n\ndef run(_, rows):\n    return [{{'said': answer(row['n'])}} for row in rows]\n",
            inputs='n = "int64"',
            outputs='said = "string"',
            scenarios=[{"inputs": {"n": n}, "expected": {"said": ""}} for n in range(3)],
            files={"requirements.txt": "\n".join(lines)},
        )
        return build(folder, home, Building(), Silent()).package

    found = explain(made(case.before, 0), made(case.after, 1), home)
    assert found.causes, found
    assert found.shares["environment"] == 1.0
    (cause,) = found.causes
    assert [one.name for one in cause.changes] == [case.name]
    assert cause.is_smallest
    assert cause.of > 2
    print(case.name, found.duration_s, cause.along)
