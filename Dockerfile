# The command:  docker build -t pictell . && docker run --rm -v "$PWD/samples:/pictures:ro" pictell cat.jpg
# The server:   docker build -t pictell-serve --target serve . && docker run --rm -p 127.0.0.1:8000:8000 pictell-serve
FROM python:3.13-slim AS source
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
RUN python -m venv --without-pip /opt/pictell

FROM source AS install-serve
# The versions are those of pyproject.toml.
# hadolint ignore=DL3013
RUN pip --python /opt/pictell/bin/python install --no-cache-dir '.[serve]'

FROM source AS install
RUN pip --python /opt/pictell/bin/python install --no-cache-dir .

FROM python:3.13-slim AS serve
RUN useradd --uid 10001 --user-group --no-create-home pictell
COPY --from=install-serve /opt/pictell /opt/pictell
USER 10001
EXPOSE 8000
HEALTHCHECK CMD ["/opt/pictell/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz')"]
ENTRYPOINT ["/opt/pictell/bin/pictell", "serve", "--host", "0.0.0.0"]

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home pictell
COPY --from=install /opt/pictell /opt/pictell
USER 10001
WORKDIR /pictures
ENTRYPOINT ["/opt/pictell/bin/pictell"]
