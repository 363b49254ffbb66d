import marimo

app = marimo.App()


@app.cell
def _():
    import math

    import ketch

    return ketch, math


@app.cell
def _():
    # what ships free, in pounds
    LIMIT = 50.0
    return (LIMIT,)


@app.cell
def _(math):
    def total(row):
        # sums in cents do not drift
        return math.fsum(row["prices"])

    return (total,)


@app.cell
def _(LIMIT, total):
    def score(rows):
        return [{"free": total(row) > LIMIT} for row in rows]

    return (score,)


@app.cell
def _(ketch, score):
    made = ketch.init("free", steps=[score], example=[{"prices": [1.0, 60.0]}])
    print(made)
    return (made,)


if __name__ == "__main__":
    app.run()
