# docker build -t pictell . && docker run --rm -v "$PWD/samples:/pictures:ro" pictell cat.jpg
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
RUN python -m venv --without-pip /opt/pictell \
    && pip --python /opt/pictell/bin/python install --no-cache-dir .

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home pictell
COPY --from=build /opt/pictell /opt/pictell
USER 10001
WORKDIR /pictures
ENTRYPOINT ["/opt/pictell/bin/pictell"]
