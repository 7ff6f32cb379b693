# The image of Dockerfile, from what 'dotnet publish' made on this machine. build/action-image.sh makes the context.
ARG RUNTIME_IMAGE
FROM ${RUNTIME_IMAGE}
COPY published/ /usr/local/lib/isolated-agents/
ENTRYPOINT ["/usr/local/lib/isolated-agents/isolated-agents"]
