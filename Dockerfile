# One image for every stage: `docker run rollcall run STAGE`. Build: docker build -t rollcall .
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/rollcall
WORKDIR /src
# Dependencies first: this layer changes only with the lock. Every file is checked by its hash, and
# only wheels are taken, so nothing is compiled; greenswitch (pure Python) is published without one.
COPY requirements-image.lock ./
RUN /opt/rollcall/bin/pip install --require-hashes --only-binary :all: --no-binary greenswitch \
    -r requirements-image.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY schemas ./schemas
COPY runtime ./runtime
COPY producers ./producers
COPY streams ./streams
COPY calls ./calls
COPY sinks ./sinks
COPY dialling ./dialling
COPY local ./local
COPY operate ./operate
COPY cli ./cli
RUN pip install --target /build hatchling \
    && PYTHONPATH=/build /opt/rollcall/bin/pip install --no-deps --no-build-isolation . \
    && /opt/rollcall/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="rollcall" \
      org.opencontainers.image.description="Who is reachable right now, on which SIP node, and why" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /var/lib/rollcall --create-home rollcall
COPY --from=build /opt/rollcall /opt/rollcall
ENV PATH=/opt/rollcall/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ROLLCALL_HTTP_HOST=0.0.0.0 HOME=/tmp
# Relative folders of the settings' defaults (.rollcall/…) land in the volume.
WORKDIR /var/lib/rollcall
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["rollcall"]
