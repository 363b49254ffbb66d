import pandas as pd

TOKEN = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"


def predict(model, value):
    return pd.read_csv("/home/ada/hours.csv")
