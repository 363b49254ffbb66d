"""Write small models with MLflow itself, of every flavor that is installed: `write.py FOLDER`.

The folders beside this file were written so, with these libraries:

- `3.17`: Python 3.11, mlflow-skinny 3.17.2, pandas 3.1, scikit-learn 1.9, xgboost 3.2, lightgbm 4.7
- `2.22`: Python 3.12, mlflow-skinny 2.22.0, pandas 2.2, scikit-learn 1.6, onnx, catboost, statsmodels
- `2.9`: Python 3.10, mlflow-skinny 2.9.2, pandas 2.1, scikit-learn 1.3, xgboost 2.0, lightgbm 4.1
"""

import importlib
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

OUT = Path(sys.argv[1])
RANDOM = np.random.default_rng(0)
ROWS = 200
SHOPPERS = pd.DataFrame(
    {
        "age": RANDOM.integers(18, 80, ROWS),
        "income": RANDOM.lognormal(10, 1, ROWS).round(2),
        "city": RANDOM.choice(["Berlin", "Lyon", "Porto"], ROWS),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(RANDOM.integers(0, 900, ROWS), "D"),
    }
)
BOUGHT = ((SHOPPERS.age > 40) & (SHOPPERS.income > 20000)).astype(int)
NUMBERS = SHOPPERS[["age", "income"]].astype(float)
MIXED = SHOPPERS[["age", "income", "city"]]


def save(flavor, name, *model, given=None, answer=None, **more):
    if given is not None:
        more["input_example"] = given.head(3) if hasattr(given, "head") else given[:3]
        if answer is not None:
            more["signature"] = infer_signature(given, answer)
    shutil.rmtree(OUT / name, ignore_errors=True)
    importlib.import_module(f"mlflow.{flavor}").save_model(*model, path=str(OUT / name), **more)


def scikit_learn():
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    prepared = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "income"]),
            ("city", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ]
    )
    model = make_pipeline(prepared, LogisticRegression()).fit(MIXED, BOUGHT)
    answer = model.predict(MIXED)
    save("sklearn", "sklearn", model, given=MIXED, answer=answer)
    save("sklearn", "sklearn-bare", model)
    save("sklearn", "sklearn-example-only", model, given=MIXED)
    save(
        "sklearn",
        "sklearn-cloudpickle",
        model,
        given=MIXED,
        answer=answer,
        serialization_format="cloudpickle",
    )
    save(
        "sklearn",
        "sklearn-probabilities",
        model,
        given=MIXED,
        answer=model.predict_proba(MIXED),
        pyfunc_predict_fn="predict_proba",
    )
    line = LinearRegression().fit(NUMBERS.values, SHOPPERS.income)
    save(
        "sklearn", "sklearn-array", line, given=NUMBERS.values, answer=line.predict(NUMBERS.values)
    )


def boosters():
    if find_spec("xgboost"):
        import xgboost

        model = xgboost.XGBRegressor(n_estimators=3).fit(NUMBERS, BOUGHT)
        save("xgboost", "xgboost-class", model, given=NUMBERS, answer=model.predict(NUMBERS))
        data = xgboost.DMatrix(NUMBERS, label=BOUGHT)
        booster = xgboost.train({"objective": "binary:logistic"}, data, 3)
        save("xgboost", "xgboost-booster", booster, given=NUMBERS, answer=booster.predict(data))
    if find_spec("lightgbm"):
        import lightgbm

        model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(NUMBERS, BOUGHT)
        save("lightgbm", "lightgbm-class", model, given=NUMBERS, answer=model.predict(NUMBERS))
        booster = model.booster_
        save(
            "lightgbm", "lightgbm-booster", booster, given=NUMBERS, answer=booster.predict(NUMBERS)
        )
    if find_spec("catboost"):
        import catboost

        model = catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False)
        model.fit(NUMBERS, BOUGHT)
        save("catboost", "catboost", model, given=NUMBERS, answer=model.predict(NUMBERS))


def others():
    if find_spec("statsmodels"):
        from statsmodels.api import OLS

        ages = NUMBERS[["age"]]
        model = OLS(SHOPPERS.income, ages).fit()
        save("statsmodels", "statsmodels", model, given=ages, answer=model.predict(ages))
    if find_spec("skl2onnx"):
        from skl2onnx import to_onnx
        from sklearn.linear_model import LogisticRegression

        given = NUMBERS.values.astype("float32")
        model = LogisticRegression().fit(given, BOUGHT)
        graph = to_onnx(model, given[:1], options={"zipmap": False})
        answer = {"label": np.array([1]), "probabilities": np.zeros((1, 2), "float32")}
        save("onnx", "onnx", graph, given=given, answer=answer)


class Scorer(mlflow.pyfunc.PythonModel):
    """A class that a person wrote: it reads a file of its own, and answers rows of values."""

    def load_context(self, context):
        self.factor = float(Path(context.artifacts["factor"]).read_text())

    def predict(self, context, model_input, params=None):
        rows = zip(model_input["age"], model_input["since"])
        return [{"score": float(age) * self.factor, "year": int(day.year)} for age, day in rows]


def own():
    work = OUT / "work"
    work.mkdir(parents=True, exist_ok=True)
    (work / "factor.txt").write_text("2.5")
    artifacts = {"factor": str(work / "factor.txt")}
    takes = infer_signature(SHOPPERS)
    scorer = {"python_model": Scorer(), "artifacts": artifacts, "signature": takes}
    save("pyfunc", "pyfunc-class", given=SHOPPERS, **scorer)
    if int(mlflow.__version__.partition(".")[0]) >= 3:
        (work / "doubling.py").write_text("def twice(value):\n    return value * 2\n")
        (work / "script.py").write_text(SCRIPT)
        sys.path.insert(0, str(work))
        save(
            "pyfunc",
            "pyfunc-script",
            python_model=str(work / "script.py"),
            code_paths=[str(work / "doubling.py")],
            input_example=(SHOPPERS[["age"]].head(3), {"factor": 1.0}),
        )
    shutil.rmtree(work)


SCRIPT = """
import doubling
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Doubled(PythonModel):
    def predict(self, context, model_input, params=None):
        factor = (params or {}).get("factor", 1.0)
        return [doubling.twice(age) * factor for age in model_input["age"]]


set_model(Doubled())
"""

for write in (scikit_learn, boosters, others, own):
    write()
