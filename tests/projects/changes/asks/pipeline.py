import warnings
from datetime import datetime

warnings.simplefilter("ignore")
import IMPORTS

MIXED = {"a": [1], "b": ["x"]}


def FAILS(do):
    try:
        return str(do())
    except Exception as problem:
        return type(problem).__name__


def OFFSET(pytz, zone, year, month):
    return pytz.timezone(zone).utcoffset(datetime(year, month, 9))


def KIND(pandas):
    return pandas.Categorical(["a"], categories=["a", "b"])


def ENCODER(sklearn):
    return sklearn.preprocessing.OneHotEncoder()


def MODEL(pydantic):
    return pydantic.create_model("Model", name=(str, ...))


def CLUSTERS(kind, n):
    points = numpy.random.RandomState(0).rand(60, 2)
    return round(kind(7, random_state=n).fit(points).inertia_, 9)


def run(_, rows):
    return [{"said": str(answer(row["n"]))} for row in rows]


def answer(n):
    return ASKED
