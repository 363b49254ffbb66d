import json, time
from tests.conformance.serving.ground import *
def test_smoke(ground):
    row={"name":"x","size":4,"tags":["q"]}
    s=Sent("/shop", json.dumps(row).encode(), expected=answer_to(row))
    ground.ask(s)
    t=time.time()
    for _ in range(20):
        ground.ask(*[s]*50)
    print("per", (time.time()-t)/1000)
    ground.ask(Sent("/shop", b"{"))
    print(ground.ask(Sent("/v2/models/late/infer", b"{}",where="v2")))
    print(ground.ask(Sent("/v2/models/late/versions/1/infer", b"{}",where="v2")))
