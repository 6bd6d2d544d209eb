# One image for every service, each process by its command: `docker run … relink connection_svc worker`.
# The target `practice` adds what stands in for the world outside: the simulator, the mail catcher, the preparations.
# Give PYTHON_IMAGE with its digest where images are released.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY deploy/builder.lock deploy/services.lock ./
RUN python -m venv /opt/builder && /opt/builder/bin/pip install --quiet --require-hashes -r builder.lock
RUN python -m venv --without-pip /opt/relink && \
    /opt/builder/bin/pip --python /opt/relink/bin/python install --quiet --require-hashes -r services.lock
COPY contracts contracts
COPY libs libs
COPY services services
RUN /opt/builder/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels ./contracts ./libs/* ./services/* && \
    /opt/builder/bin/pip --python /opt/relink/bin/python install --quiet --no-deps wheels/*.whl

FROM build AS practice-build
COPY deploy/practice.lock ./
RUN /opt/builder/bin/pip --python /opt/relink/bin/python install --quiet --require-hashes -r practice.lock
COPY simulator simulator
COPY devstack devstack
RUN /opt/builder/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir practice ./simulator ./devstack && \
    /opt/builder/bin/pip --python /opt/relink/bin/python install --quiet --no-deps practice/*.whl
RUN mkdir /data

FROM ${PYTHON_IMAGE} AS bare
ENV PATH=/opt/relink/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
ENTRYPOINT ["python", "-m"]

FROM bare AS practice
LABEL org.opencontainers.image.title="relink-practice"
COPY --from=practice-build --chown=10001:10001 /data /data
COPY --from=practice-build /opt/relink /opt/relink

# Last, so that a build without a target makes this one.
FROM bare AS relink
LABEL org.opencontainers.image.title="relink" \
      org.opencontainers.image.description="The services of Relink: name one and its process" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/relink /opt/relink
