# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PATH=/opt/moggy/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    MOGGY_HOME=/var/lib/moggy
# The package index to take torch from: name one of CPU or of CUDA builds; empty is pip's own.
ARG TORCH_INDEX_URL=""
# hadolint ignore=DL3013
RUN python -m venv /opt/moggy \
    && pip install ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} torch==2.13.0
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY worker worker
COPY models models
# The project itself, which hadolint takes for a package without a version.
# hadolint ignore=DL3013
RUN pip install '.[parquet]' \
    && useradd --uid 10001 --create-home --home-dir /var/lib/moggy moggy
WORKDIR /var/lib/moggy
USER 10001
VOLUME /var/lib/moggy

FROM base AS api
ENV MOGGY_HOST=0.0.0.0 OMP_WAIT_POLICY=PASSIVE
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["uvicorn", "app.main:create_app", "--factory", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--timeout-graceful-shutdown", "5"]

FROM base AS worker
ENV MOGGY_QUEUE=train
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s \
    CMD ["bash", "-c", "celery -A worker.tasks inspect ping --timeout 10 --destination $MOGGY_QUEUE@$HOSTNAME"]
CMD ["bash", "-c", "exec celery -A worker.tasks worker -Q $MOGGY_QUEUE -P threads -c 1 -n $MOGGY_QUEUE@%h"]
