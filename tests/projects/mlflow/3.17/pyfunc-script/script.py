
import doubling
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Doubled(PythonModel):
    def predict(self, context, model_input, params=None):
        factor = (params or {}).get("factor", 1.0)
        return [doubling.twice(age) * factor for age in model_input["age"]]


set_model(Doubled())
