# Two stages on one base: the first installs and compiles, the second copies what came of it.
# The base brings python3 (3.11 to 3.15) with its venv module, and CA certificates for pip. Its
# digest can be pinned: --build-arg BASE=python:3.12-slim@sha256:... (CONTRIBUTING.md).
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
COPY requirements-image.txt /tmp/
# Only wheels are installed, so no compiler is needed. Each must have one of the hashes in the file.
# Test suites are a tenth of NumPy and Numba. Byte code is made below. pip is not needed any more.
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile --only-binary :all: \
        --require-hashes -r /tmp/requirements-image.txt \
 && /opt/venv/bin/pip uninstall --yes pip setuptools \
 && find /opt/venv -type d -name tests -prune -exec rm -r {} +
WORKDIR /opt/fanin
COPY service service
# Once through all kernels. Their machine code is for this processor: on another one Numba passes it
# over and compiles in memory. Byte code is kept of what was imported, the standard library included;
# it is valid for a source of the very same second, and layers round to seconds, hence the touch.
ENV NUMBA_CACHE_DIR=/opt/fanin/kernels PYTHONPYCACHEPREFIX=/opt/fanin/bytecode
RUN find /opt -name '*.py' -exec touch --date=2000-01-01 {} + \
 && /opt/venv/bin/python -c 'import service.server.serving, service.api.app as a; a.warm_up()' \
 && chmod -R a+rX /opt/venv /opt/fanin

FROM ${BASE}
LABEL org.opencontainers.image.title="Fanin" \
      org.opencontainers.image.description="Initialized weight tensors over HTTP"
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/fanin /opt/fanin
WORKDIR /opt/fanin
ENV PATH=/opt/venv/bin:$PATH \
    NUMBA_CACHE_DIR=/opt/fanin/kernels PYTHONPYCACHEPREFIX=/opt/fanin/bytecode \
    FANIN_HOST=0.0.0.0 FANIN_PORT=8000
EXPOSE 8000
# Nobody in particular: any other uid does as well, since nothing is written anywhere.
USER 65532:65532
# It imports two modules of Python and no package, so it takes little time. On Linux a connection to
# 0.0.0.0 or :: reaches this machine. On another processor the kernels are compiled at the start, so
# the start period is long. There is no start interval, because builders before 2024 refuse it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-S", "-c", "import os, socket; s = socket.create_connection((os.environ['FANIN_HOST'], os.environ['FANIN_PORT']), 4); s.sendall(b'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n'); raise SystemExit(s.recv(12) != b'HTTP/1.1 200')"]
CMD ["python", "-m", "service", "serve"]
