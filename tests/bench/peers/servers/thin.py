"""As little as one would write oneself: Starlette's route, msgspec's JSON."""

import sys

import msgspec
import uvicorn
from flight import Flight
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

flight, encode, decode = Flight(), msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


async def infer(request):
    predictions = flight.v2(decode(await request.body())["inputs"])
    return Response(encode({"outputs": [{"data": predictions}]}), media_type="application/json")


app = Starlette(routes=[Route("/infer", infer, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="error"
    )
