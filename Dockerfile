# msb in a container, as a user without rights:
#
#   docker build -t msb .            # --build-arg PACKAGES=all: with every extra, torch among them
#   docker run --rm -v "$PWD:/work" -u "$(id -u)" -e MSB_TARGET_API_KEY msb evaluate ...
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG PACKAGES=core
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY src src
RUN python -m venv /opt/msb \
    && /opt/msb/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/build.txt \
    && /opt/msb/bin/pip install --no-cache-dir --no-deps --require-hashes -r "requirements/${PACKAGES}.txt" \
    && /opt/msb/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:${PYTHON}-slim
COPY --from=build /opt/msb /opt/msb
RUN useradd --create-home --uid 10001 msb && install -d -o msb /work
ENV PATH=/opt/msb/bin:$PATH HOME=/home/msb
USER 10001
WORKDIR /work
ENTRYPOINT ["msb"]
CMD ["--help"]
