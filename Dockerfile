# Two stages on one base: the first installs and compiles, the second copies what came of it.
# The base brings python3 (3.11 to 3.15) with its venv module, and CA certificates for pip.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
COPY requirements.txt /tmp/
# Wheels alone: nothing is built, so no compiler is needed. Test suites are a tenth of NumPy and
# Numba; byte code comes below, and pip stays behind.
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile --only-binary :all: -r /tmp/requirements.txt \
 && /opt/venv/bin/pip uninstall --yes pip setuptools \
 && find /opt/venv -type d -name tests -prune -exec rm -r {} +
WORKDIR /opt/fanin
COPY service service
# Once through all kernels. Their machine code is for this processor: on another one Numba passes it
# over and compiles in memory. Byte code is kept of what was imported, the standard library included;
# it is valid for a source of the very same second, and layers round to seconds, hence the touch.
ENV NUMBA_CACHE_DIR=/opt/fanin/kernels PYTHONPYCACHEPREFIX=/opt/fanin/bytecode
RUN find /opt -name '*.py' -exec touch --date=2000-01-01 {} + \
 && /opt/venv/bin/python -c 'import service.server.serving, service.stream.selfcheck as s; s.warm_up()' \
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
# http.client, because urllib would go through a proxy that the environment names. Compiling on
# another processor takes its time, which the start period grants.
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', os.environ['FANIN_PORT'], timeout=2); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "service", "serve"]
