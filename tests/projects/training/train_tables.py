"""Trains one small model for each loader, and writes what each answers when used directly.

    python train_tables.py FOLDER

``answers.json`` holds, for each model file, rows in the names of the drafted package and
the outputs that the library itself gives for them.
"""

import bz2
import json
import pickle
import sys
import warnings
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import skops.io
import xgboost
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.simplefilter("ignore")
FOLDER = Path(sys.argv[1])
ROWS = 200
ANSWERS = {}

random = np.random.default_rng(7)
shoppers = pd.DataFrame(
    {
        "age": random.integers(18, 80, ROWS),
        "price (eur)": random.normal(20, 5, ROWS).round(2),
        "city": random.choice(["Bern", "Basel", "Chur"], ROWS),
    }
)
bought = np.where(shoppers["age"] + shoppers["price (eur)"] > 65, "yes", "no")
kind = random.integers(0, 3, ROWS)
gaps = shoppers.assign(age=shoppers["age"].astype("float64").where(random.random(ROWS) > 0.2))
numbers = shoppers[["age", "price (eur)"]].to_numpy()
coded = shoppers.assign(city=shoppers["city"].astype("category"))
RENAMED = {"price (eur)": "price_eur", "price_(eur)": "price_eur"}


def rows_of(frame):
    """Return the first rows as a caller of the package sends them."""
    head = frame.head(5).rename(columns=RENAMED).astype(object)
    return head.where(head.notna(), None).to_dict("records")


def numbered(matrix):
    return [{f"x{at}": float(value) for at, value in enumerate(line)} for line in matrix[:5]]


def columns(**outputs):
    names = list(outputs)
    cells = zip(*(np.asarray(values).tolist() for values in outputs.values()))
    return [dict(zip(names, line)) for line in cells]


def keep(name, rows, outputs, example=None):
    ANSWERS[name] = {"rows": rows, "outputs": outputs, "example": example}


def write_examples():
    shoppers.assign(bought=bought).to_csv(FOLDER / "shoppers.csv", index=False)
    whole = gaps.assign(age=gaps["age"].astype("Int64"))
    whole.to_csv(FOLDER / "gaps.csv", index=False)


def train_sklearn():
    encode = make_column_transformer(
        (OneHotEncoder(), ["city"]), (StandardScaler(), ["age", "price (eur)"])
    )
    model = make_pipeline(encode, LogisticRegression()).fit(shoppers, bought)
    pickle.dump(model, (FOLDER / "binary.pkl").open("wb"))
    joblib.dump(model, FOLDER / "binary.joblib", compress=3)
    skops.io.dump(model, FOLDER / "binary.skops")
    head = shoppers.head(5)
    outputs = columns(
        prediction=model.predict(head), probability=model.predict_proba(head)[:, 1]
    )
    keep("binary.pkl", rows_of(shoppers), outputs, "shoppers.csv")
    keep("binary.joblib", rows_of(shoppers), outputs)
    keep("binary.skops", rows_of(shoppers), outputs, "shoppers.csv")

    forest = RandomForestClassifier(5, random_state=0).fit(numbers, kind)
    joblib.dump(forest, FOLDER / "forest.joblib")
    outputs = columns(
        prediction=forest.predict(numbers[:5]), probabilities=forest.predict_proba(numbers[:5])
    )
    keep("forest.joblib", numbered(numbers), outputs)

    boosted = HistGradientBoostingRegressor(max_iter=5, random_state=0)
    boosted.fit(gaps[["age", "price (eur)"]], kind.astype(float))
    pickle.dump(boosted, (FOLDER / "gaps.pickle").open("wb"))
    skops.io.dump(boosted, FOLDER / "gaps.skops")
    head = gaps[["age", "price (eur)"]].head(5)
    rows = [{**row, "age": row["age"] and int(row["age"])} for row in rows_of(head)]
    for name in ("gaps.pickle", "gaps.skops"):
        keep(name, rows, columns(prediction=boosted.predict(head)), "gaps.csv")

    imputed = make_pipeline(SimpleImputer(), StandardScaler()).fit(numbers)
    pickle.dump(imputed, (FOLDER / "scaled.pkl").open("wb"), protocol=2)
    keep("scaled.pkl", numbered(numbers), columns(features=imputed.transform(numbers[:5])))

    texts = ["good shoes", "bad shoes", "good hat", "bad hat"]
    words = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    pickle.dump(words, (FOLDER / "words.pkl").open("wb"))
    outputs = columns(prediction=words.predict(texts), probability=words.predict_proba(texts)[:, 1])
    keep("words.pkl", [{"text": text} for text in texts], outputs)


def train_xgboost():
    data = xgboost.DMatrix(coded, label=(bought == "yes").astype(int), enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic"}, data, 5)
    answers = booster.predict(xgboost.DMatrix(coded.head(5), enable_categorical=True))
    for name in ("binary.ubj", "binary.json"):
        booster.save_model(FOLDER / name)
        keep(name, rows_of(shoppers), columns(probability=answers), "shoppers.csv")

    early = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=2, learning_rate=1.0)
    early.fit(numbers[:150], kind[:150], eval_set=[(numbers[150:], kind[150:])], verbose=False)
    early.save_model(FOLDER / "early.ubj")
    outputs = columns(
        prediction=early.predict(numbers[:5]), probabilities=early.predict_proba(numbers[:5])
    )
    keep("early.ubj", numbered(numbers), outputs)
    pickle.dump(early, (FOLDER / "early.pkl").open("wb"))
    keep("early.pkl", numbered(numbers), outputs)

    price = xgboost.train({}, xgboost.DMatrix(numbers, label=numbers[:, 0]), 5)
    price.save_model(FOLDER / "price.ubj")
    outputs = columns(prediction=price.predict(xgboost.DMatrix(numbers[:5])))
    keep("price.ubj", numbered(numbers), outputs)


def train_lightgbm():
    quiet = {"verbose": -1, "objective": "binary"}
    label = (bought == "yes").astype(int)
    booster = lightgbm.train(quiet, lightgbm.Dataset(coded, label), 5)
    booster.save_model(FOLDER / "binary.txt")
    outputs = columns(probability=booster.predict(coded.head(5)))
    keep("binary.txt", rows_of(shoppers), outputs)

    many = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(numbers, kind)
    many.booster_.save_model(FOLDER / "many.lgb")
    outputs = columns(
        prediction=many.predict(numbers[:5]), probabilities=many.predict_proba(numbers[:5])
    )
    keep("many.lgb", numbered(numbers), outputs)

    named = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1)
    named.fit(gaps[["age", "price (eur)"]].rename(columns=RENAMED), kind.astype(float))
    joblib.dump(named, FOLDER / "named.joblib")
    head = gaps[["age", "price (eur)"]].rename(columns=RENAMED).dropna().head(5)
    keep("named.joblib", rows_of(head), columns(prediction=named.predict(head)))


def train_shops():
    """Categories that are numbers: the number of a shop, not its place among the shops."""
    frame = pd.DataFrame({"shop": pd.Categorical(random.choice([10, 20, 30], ROWS)), "x": numbers[:, 1]})
    target = (frame["shop"].astype(int) == 20) * 1.0 + frame["x"]
    booster = xgboost.train({}, xgboost.DMatrix(frame, target, enable_categorical=True), 5)
    booster.save_model(FOLDER / "shops.ubj")
    found = booster.predict(xgboost.DMatrix(frame.head(5), enable_categorical=True))
    rows = json.loads(frame.head(5).to_json(orient="records", double_precision=15))
    keep("shops.ubj", rows, columns(prediction=found))
    light = lightgbm.train({"verbose": -1}, lightgbm.Dataset(frame, target), 5)
    light.save_model(FOLDER / "shops.txt")
    keep("shops.txt", rows, columns(prediction=light.predict(frame.head(5))))


def train_onnx():
    narrow = shoppers.rename(columns=RENAMED).astype({"age": "float32", "price_eur": "float32"})
    encode = make_column_transformer(
        (OneHotEncoder(), ["city"]), (StandardScaler(), ["age", "price_eur"])
    )
    model = make_pipeline(encode, LogisticRegression()).fit(narrow, bought)
    narrow.to_csv(FOLDER / "narrow.csv", index=False)
    feeds = {name: narrow[[name]].head(5).to_numpy() for name in narrow.columns}
    for name, options in (("mapped.onnx", {}), ("plain.onnx", {"zipmap": False})):
        (FOLDER / name).write_bytes(to_onnx(model, narrow[:1], options=options).SerializeToString())
        session = onnxruntime.InferenceSession(FOLDER / name)
        label, probabilities = session.run(None, feeds)
        if isinstance(probabilities, list):
            probabilities = [[one["no"], one["yes"]] for one in probabilities]
        rows = json.loads(narrow.head(5).to_json(orient="records", double_precision=15))
        keep(name, rows, columns(prediction=label, probabilities=probabilities), "narrow.csv")

    line = LinearRegression().fit(numbers, kind)
    graph = to_onnx(line, numbers[:1].astype(np.float32)).SerializeToString()
    (FOLDER / "line.onnx").write_bytes(graph)
    session = onnxruntime.InferenceSession(FOLDER / "line.onnx")
    (found,) = session.run(None, {"X": numbers[:5].astype(np.float32)})
    rows = [{"X": [float(value) for value in line]} for line in numbers[:5]]
    keep("line.onnx", rows, columns(prediction=found.reshape(-1)))


FOLDER.mkdir(parents=True, exist_ok=True)
write_examples()
train_sklearn()
train_xgboost()
train_lightgbm()
train_shops()
train_onnx()
(FOLDER / "packed.joblib").write_bytes(bz2.compress((FOLDER / "forest.joblib").read_bytes()))
(FOLDER / "answers.json").write_text(json.dumps(ANSWERS))
