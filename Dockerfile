# The GitHub action, and the command line as an image: built from source, as the runner does it. Runs as root and without an init, as the runner starts it.
# build/action-image.sh builds the same image from what is published already (build/published.Dockerfile).
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/runtime-deps:10.0

FROM ${SDK_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils gcc libc6-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN dotnet publish src/Action -c Release -r linux-x64 -nologo -v quiet \
    && find artifacts/publish/IsolatedAgents.Action/release_linux-x64 -name '*.pdb' -delete \
    && ln -s isolated-agents artifacts/publish/IsolatedAgents.Action/release_linux-x64/isolated-agents-post

FROM ${RUNTIME_IMAGE}
COPY --from=build /source/artifacts/publish/IsolatedAgents.Action/release_linux-x64/ /usr/local/lib/isolated-agents/
ENTRYPOINT ["/usr/local/lib/isolated-agents/isolated-agents"]
