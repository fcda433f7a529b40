"""The HTTP interface: the only floor that knows FastAPI, Starlette and uvicorn."""
