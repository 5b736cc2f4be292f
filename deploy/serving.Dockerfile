# What answers requests: no torch. From the repository's root, the second with Ray Serve in it, for deploy/kuberay:
#   docker build -f deploy/serving.Dockerfile -t recsys-serving:0.1.0 .
#   docker build -f deploy/serving.Dockerfile -t recsys-ray:0.1.0 --build-arg EXTRAS=serve,redis,ray .
# A tag can be moved by others. To pin the base by what it holds, take the digest that `docker buildx imagetools inspect
# python:3.11-slim-bookworm` prints, and add --build-arg BASE=python:3.11-slim-bookworm@sha256:…
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG EXTRAS=serve,redis
WORKDIR /source
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY recsys recsys
COPY serving serving
COPY pipelines pipelines
COPY deploy/slim.py deploy/slim.py
RUN python -m pip install --no-cache-dir --no-compile --prefix=/made -c constraints.txt ".[${EXTRAS}]"
# an image that came to hold what only training needs is not made
RUN ! ls /made/lib/python3.11/site-packages | grep -iE '^(torch|transformers|triton|nvidia)([-_.]|$)'
# `python -m tests.bench.serving_size` does the same, tells the size and asks what is left
RUN python deploy/slim.py /made/lib/python3.11/site-packages

FROM ${BASE}
# LightGBM's wheel expects the system's OpenMP; the folders are those of the volumes
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp recsys \
    && install -d -o recsys -g recsys /bundles /log /compiled
COPY --from=build /made /usr/local
# compiled loops fit one kind of CPU, and compiled Python is large: both are kept where the container runs, not in the image
ENV PYTHONUNBUFFERED=1 \
    PYTHONPYCACHEPREFIX=/compiled/python \
    NUMBA_CACHE_DIR=/compiled
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
VOLUME ["/log", "/compiled"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/health/ready'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["recsys"]
CMD ["serve", "--bundles", "/bundles", "--host", "0.0.0.0", "--port", "8000", "--keys", "/run/secrets/keys", "--state", "redis://redis:6379/0", "--log", "/log", "--lines", "json"]
