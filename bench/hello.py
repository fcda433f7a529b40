"""The first example of FastAPI's tutorial, with the service's server settings.

python -m bench.hello PORT
"""

import sys

from fastapi import FastAPI
from uvicorn import Server

from service.server.listening import listen
from service.server.serving import config
from service.settings import Settings

app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    """A small JSON answer."""
    return {"message": "Hello World"}


if __name__ == "__main__":
    Server(config(Settings(), app)).run(listen("127.0.0.1", int(sys.argv[1])))
