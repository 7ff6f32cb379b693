# The GitHub action, and the command line as an image. Runs as root and without an init, as the runner starts it.
#
#   docker build .                    builds it from source in SDK_IMAGE
#   docker build --target published . takes what 'dotnet publish' left in artifacts/ (build/action-image.sh does)
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/runtime-deps:10.0

# First, so that a builder that makes every stage in order can stop behind it.
FROM ${RUNTIME_IMAGE} AS published
COPY artifacts/publish/IsolatedAgents.Action/release_linux-x64/ /usr/local/lib/isolated-agents/
RUN ["/bin/ln", "-s", "isolated-agents", "/usr/local/lib/isolated-agents/isolated-agents-post"]
ENTRYPOINT ["/usr/local/lib/isolated-agents/isolated-agents"]

FROM ${SDK_IMAGE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends binutils gcc libc6-dev zlib1g-dev clang && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN dotnet publish src/Action -c Release -r linux-x64 -nologo -v quiet

FROM ${RUNTIME_IMAGE} AS action
COPY --from=build /source/artifacts/publish/IsolatedAgents.Action/release_linux-x64/ /usr/local/lib/isolated-agents/
RUN ["/bin/ln", "-s", "isolated-agents", "/usr/local/lib/isolated-agents/isolated-agents-post"]
ENTRYPOINT ["/usr/local/lib/isolated-agents/isolated-agents"]
