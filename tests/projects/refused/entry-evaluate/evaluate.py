def run(predict):
    return {}
