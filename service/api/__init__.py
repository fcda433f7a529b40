"""The HTTP interface. Only this package imports FastAPI, Starlette and uvicorn."""
