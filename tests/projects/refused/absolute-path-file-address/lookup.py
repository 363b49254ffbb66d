SCALE = "file:///data/scale.json"
