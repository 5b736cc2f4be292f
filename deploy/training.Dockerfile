# All stages, with torch for CPUs, and Ray. From the repository's root:
#   docker build -f deploy/training.Dockerfile -t recsys-training:0.1.0 .
# BASE as in serving.Dockerfile.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# where torch's builds without CUDA are; the version is that of constraints.txt
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /source
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY recsys recsys
COPY serving serving
COPY pipelines pipelines
RUN python -m pip install --no-cache-dir --prefix=/made --extra-index-url ${TORCH_INDEX} -c constraints.txt ".[train,serve,redis,ray]"
# an image with gigabytes of CUDA is not made
RUN ! ls /made/lib/python3.11/site-packages | grep -iE '^(triton|nvidia)([-_.]|$)'

FROM ${BASE}
# LightGBM's wheel expects the system's OpenMP
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp recsys \
    && install -d -o recsys -g recsys /data
COPY --from=build /made /usr/local
# what is downloaded, the base encoder first of all, is kept beside the runs
ENV PYTHONUNBUFFERED=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    NUMBA_CACHE_DIR=/tmp/compiled \
    RECSYS_CACHE=/data/cache
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
ENTRYPOINT ["recsys"]
CMD ["--help"]
