using System.Globalization;
using Docker.DotNet;
using Docker.DotNet.Models;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Engines.Docker;

/// <summary>An engine that speaks the Docker Engine API: Docker itself, and Podman's service.</summary>
internal sealed class DockerEngine : IContainerEngine
{
    // A frozen daemon must not freeze the build. Generous: a busy disk makes create slow.
    private static readonly TimeSpan CallDeadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan ConnectDeadline = TimeSpan.FromSeconds(10);

    private readonly DockerClient _client;

    private DockerEngine(DockerClient client, EngineDescription description)
    {
        _client = client;
        Description = description;
    }

    public EngineDescription Description { get; }

    /// <summary>Connects, and asks who answers.</summary>
    /// <param name="address">Where.</param>
    /// <param name="deadline">How long it may take.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="access">How, where the address alone does not say it.</param>
    /// <exception cref="EngineException">IA2001: nobody does.</exception>
    public static async Task<DockerEngine> ConnectAsync(
        Uri address,
        TimeSpan deadline,
        CancellationToken cancellationToken,
        Credentials? access = null
    )
    {
        DockerClient? client = null;
        try
        {
            ClientContracts.UseWhereAlone();
            using DockerClientConfiguration configuration = new(
                access is EngineSsh ? EngineSsh.Stand : address,
                access,
                defaultTimeout: Timeout.InfiniteTimeSpan
            );
            client = configuration.CreateClient();
            (string name, string version) = await WithDeadlineAsync(
                    $"no answer from {address} within {deadline.TotalSeconds} seconds",
                    deadline,
                    token => IdentifyAsync(client, address, token),
                    cancellationToken
                )
                .ConfigureAwait(false);
            return new DockerEngine(client, new EngineDescription(name, version, address));
        }
        catch (Exception failure) when (IsEngineTrouble(failure))
        {
            client?.Dispose();
            throw new EngineException(DiagnosticTable.NoEngine, $"{address}: {Innermost(failure)}", failure);
        }
        catch (EngineException)
        {
            client?.Dispose();
            throw;
        }
    }

    public async Task<ImageDescription?> FindImageAsync(string reference, CancellationToken cancellationToken)
    {
        try
        {
            ImageInspectResponse image = await CallAsync(token => _client.Images.InspectImageAsync(reference, token), cancellationToken)
                .ConfigureAwait(false);
            return new ImageDescription(
                reference,
                image.ID,
                image.RepoDigests?.FirstOrDefault() is { } digest
                    ? digest[(digest.IndexOf('@', StringComparison.Ordinal) + 1)..]
                    : image.ID,
                [.. image.Config?.Env ?? []]
            )
            {
                User = image.Config?.User ?? "",
            };
        }
        catch (DockerImageNotFoundException)
        {
            return null;
        }
        catch (DockerApiException failure) when ((int)failure.StatusCode is >= 400 and < 500)
        {
            throw new EngineException(
                DiagnosticTable.Image,
                $"The engine refuses the image name '{reference}': {ApiMessage(failure)}",
                failure
            );
        }
        catch (Exception failure) when (IsEngineTrouble(failure))
        {
            throw new EngineException(
                DiagnosticTable.EngineLost,
                $"The engine cannot be asked for the image '{reference}': {Innermost(failure)}",
                failure
            );
        }
    }

    public async Task<ImageDescription> PullImageAsync(string reference, IProgress<string> progress, CancellationToken cancellationToken)
    {
        await new ImagePull(_client, reference, progress).RunAsync(cancellationToken).ConfigureAwait(false);

        return await FindImageAsync(reference, cancellationToken).ConfigureAwait(false)
            ?? throw new EngineException(
                DiagnosticTable.Image,
                $"The image '{reference}' was pulled and is not there. It may be for another processor architecture."
            );
    }

    public async Task<ISandboxContainer> StartAsync(SandboxSpec spec, ITransportListener? socket, CancellationToken cancellationToken)
    {
        string? id = null;
        ISandboxTransport? transport = null;
        try
        {
            id = await CreateAsync(spec, isAttached: socket is null, cancellationToken).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            foreach (SandboxCopy copy in spec.Copies)
            {
                await VolumeFiller.FillAsync(_client, id, copy, spec.CopyReader, cancellationToken).ConfigureAwait(false);
            }

            if (socket is null)
            {
                transport = await AttachAsync(id, cancellationToken).ConfigureAwait(false);
            }

            Task starting = StartAsync(id, cancellationToken);
            transport ??= await AcceptAsync(id, socket!, starting, cancellationToken).ConfigureAwait(false);
            if (socket is null)
            {
                await starting.ConfigureAwait(false);
            }

            return new DockerContainer(_client, id, transport, starting);
        }
        catch (Exception failure)
        {
            if (transport is not null)
            {
                await transport.DisposeAsync().ConfigureAwait(false);
            }

            string? leftover = id is null ? null : await DockerContainer.RemoveAsync(_client, id).ConfigureAwait(false);

            if (!IsEngineTrouble(failure))
            {
                throw;
            }

            string message =
                $"The sandbox cannot be started: {Innermost(failure)}{(leftover is null ? "" : $" Its container '{id![..12]}' could not be removed: {leftover}")}";
            throw IsMountRefused(spec, failure)
                ? new SandboxUnreachableException(DiagnosticTable.EngineLost, message, isMountRefused: true, failure)
                : new EngineException(DiagnosticTable.EngineLost, message, failure);
        }
    }

    public async Task<IReadOnlyList<PathMapping>?> FindMountsAsync(string containerId, CancellationToken cancellationToken)
    {
        try
        {
            ContainerInspectResponse container = await CallAsync(
                    token => _client.Containers.InspectContainerAsync(containerId, token),
                    cancellationToken
                )
                .ConfigureAwait(false);
            return
            [
                .. (container.Mounts ?? []).Select(mount => new PathMapping(
                    mount.Destination,
                    string.IsNullOrEmpty(mount.Source) ? null : mount.Source
                )),
            ];
        }
        catch (DockerContainerNotFoundException)
        {
            return null;
        }
        catch (Exception failure) when (IsEngineTrouble(failure))
        {
            throw new EngineException(
                DiagnosticTable.EngineLost,
                $"The engine cannot be asked for the container '{containerId}': {Innermost(failure)}",
                failure
            );
        }
    }

    public async Task<EngineParts> DescribePartsAsync(CancellationToken cancellationToken)
    {
        try
        {
            VersionResponse version = await CallAsync(_client.System.GetVersionAsync, cancellationToken).ConfigureAwait(false);
            return new EngineParts(version.Arch, [.. version.Components?.Select(part => Part(part.Name, part.Version)) ?? []]);
        }
        catch (Exception failure) when (IsEngineTrouble(failure))
        {
            throw new EngineException(
                DiagnosticTable.EngineLost,
                $"The engine cannot be asked for its version: {Innermost(failure)}",
                failure
            );
        }
    }

    public async Task<IReadOnlyList<FoundContainer>> FindContainersAsync(string label, CancellationToken cancellationToken)
    {
        ContainersListParameters parameters = new()
        {
            All = true,
            Filters = new Dictionary<string, IDictionary<string, bool>> { ["label"] = new Dictionary<string, bool> { [label] = true } },
        };
        try
        {
            IList<ContainerListResponse> found = await CallAsync(
                    token => _client.Containers.ListContainersAsync(parameters, token),
                    cancellationToken
                )
                .ConfigureAwait(false);
            return
            [
                .. found.Select(container => new FoundContainer(
                    container.ID,
                    new DateTimeOffset(DateTime.SpecifyKind(container.Created, DateTimeKind.Utc)),
                    container.Labels.AsReadOnly()
                )
                {
                    State = StateOf(container.State),
                }),
            ];
        }
        catch (Exception failure) when (IsEngineTrouble(failure))
        {
            throw new EngineException(
                DiagnosticTable.EngineLost,
                $"The engine cannot be asked for its containers: {Innermost(failure)}",
                failure
            );
        }
    }

    public async Task<DateTimeOffset?> FindEndAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            ContainerInspectResponse found = await CallAsync(
                    token => _client.Containers.InspectContainerAsync(id, token),
                    cancellationToken
                )
                .ConfigureAwait(false);
            return
                DateTimeOffset.TryParse(
                    found.State?.FinishedAt,
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal,
                    out DateTimeOffset ended
                )
                && found.State?.Running == false
                ? ended
                : null;
        }
        catch (DockerContainerNotFoundException)
        {
            return null;
        }
        catch (Exception failure) when (IsEngineTrouble(failure))
        {
            throw new EngineException(
                DiagnosticTable.EngineLost,
                $"The engine cannot be asked for the container '{id}': {Innermost(failure)}",
                failure
            );
        }
    }

    public async Task<string?> RemoveContainerAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            await CallAsync(token => DockerContainer.ForceRemoveAsync(_client, id, token), cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (DockerContainerNotFoundException)
        {
            return null;
        }
        catch (DockerApiException failure) when (failure.StatusCode == System.Net.HttpStatusCode.Conflict)
        {
            // Its removal is under way already.
            return null;
        }
        catch (Exception failure) when (IsEngineTrouble(failure))
        {
            return Innermost(failure);
        }
    }

    public void Dispose() => _client.Dispose();

    // Docker's words and, behind them, Podman's own.
    private static ContainerState StateOf(string? state) =>
        state switch
        {
            "running" or "paused" or "restarting" or "stopping" => ContainerState.Running,
            "exited" or "dead" or "stopped" => ContainerState.Ended,
            "removing" => ContainerState.Removing,
            _ => ContainerState.Idle,
        };

    private async Task<string> CreateAsync(SandboxSpec spec, bool isAttached, CancellationToken cancellationToken)
    {
        if (!Description.IsPodman)
        {
            return await CreateAsync(ContainerSettings.Create(spec, isAttached, isPodman: false, SystemCallProfile.Json))
                .ConfigureAwait(false);
        }

        PodmanProfile profile = await CallAsync(token => PodmanProfile.PlaceAsync(_client, spec, token), cancellationToken)
            .ConfigureAwait(false);
        await using (profile.ConfigureAwait(false))
        {
            return await CreateAsync(ContainerSettings.Create(spec, isAttached, isPodman: true, profile.EnginePath)).ConfigureAwait(false);
        }
    }

    // Seen to its end although the caller cancels: the engine would make the container all the same, and nobody would know its id to remove
    // it.
    private async Task<string> CreateAsync(CreateContainerParameters settings) =>
        (
            await WithDeadlineAsync(
                    "the engine did not create the container in time",
                    StartDeadline,
                    token => _client.Containers.CreateContainerAsync(settings, token),
                    CancellationToken.None
                )
                .ConfigureAwait(false)
        ).ID;

    private async Task<ISandboxTransport> AttachAsync(string id, CancellationToken cancellationToken)
    {
        ContainerAttachParameters parameters = new()
        {
            Stream = true,
            Stdin = true,
            Stdout = true,
            Stderr = true,
        };
        try
        {
            return new AttachTransport(
                await CallAsync(token => _client.Containers.AttachContainerAsync(id, tty: false, parameters, token), cancellationToken)
                    .ConfigureAwait(false)
            );
        }
        catch (InvalidCastException failure)
        {
            // The client takes any answer but a refusal for a stream.
            throw new IOException("the engine answered with a page where a stream was asked for", failure);
        }
    }

    private async Task StartAsync(string id, CancellationToken cancellationToken)
    {
        bool started = await WithDeadlineAsync(
                "the engine did not start the container in time",
                StartDeadline,
                token => _client.Containers.StartContainerAsync(id, new ContainerStartParameters(), token),
                cancellationToken
            )
            .ConfigureAwait(false);
        if (!started)
        {
            throw new EngineException(DiagnosticTable.EngineLost, "The container was running before it was started.");
        }
    }

    // The supervisor connects some time before the engine is done with starting its container: nobody waits for the rest of that.
    private async Task<ISandboxTransport> AcceptAsync(
        string id,
        ITransportListener socket,
        Task starting,
        CancellationToken cancellationToken
    )
    {
        using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<ISandboxTransport> accepting = socket.AcceptAsync(over.Token);
        if (await Task.WhenAny(accepting, starting).ConfigureAwait(false) == starting)
        {
            await starting.ConfigureAwait(false);
            over.CancelAfter(ConnectDeadline);
            // A supervisor that cannot connect leaves, and its container with it. An engine that does not tell of it says nothing either
            // way.
            Task ended = _client.Containers.WaitContainerAsync(id, over.Token);
            if (await Task.WhenAny(accepting, ended).ConfigureAwait(false) == ended && ended.IsCompletedSuccessfully)
            {
                await over.CancelAsync().ConfigureAwait(false);
            }
        }

        try
        {
            return await accepting.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SandboxUnreachableException(
                DiagnosticTable.EngineLost,
                "The sandbox's supervisor did not connect to this machine's socket: the engine runs under another kernel, or a security module forbids it. Use the attached streams (transport 'attach').",
                isMountRefused: false
            );
        }
    }

    // A path that is there, and that the engine does not find or may not run, is one that it sees differently.
    private static bool IsMountRefused(SandboxSpec spec, Exception failure) =>
        failure is DockerApiException api
        && (
            spec.Mounts.Any(mount => api.Message.Contains(mount.EnginePath, StringComparison.Ordinal) && Path.Exists(mount.HostPath))
            || (spec.Mounts.Length > 0 && api.Message.Contains(SandboxPaths.Supervisor, StringComparison.Ordinal))
        );

    private static async Task<(string Name, string Version)> IdentifyAsync(
        DockerClient client,
        Uri address,
        CancellationToken cancellationToken
    )
    {
        if (
            address.Scheme == "unix"
            && await EngineBanner.ReadAsync(address.LocalPath, cancellationToken).ConfigureAwait(false) is { } banner
        )
        {
            return banner;
        }

        VersionResponse version = await client.System.GetVersionAsync(cancellationToken).ConfigureAwait(false);
        bool isPodman =
            version.Components?.Any(component => component.Name.Contains(EngineDescription.PodmanName, StringComparison.OrdinalIgnoreCase))
            == true;
        return (isPodman ? EngineDescription.PodmanName : EngineDescription.DockerName, version.Version);
    }

    // Docker says "runc" and "1.1.5"; Podman "OCI Runtime (runc)" and whatever "runc --version" prints.
    private static EnginePart Part(string name, string version)
    {
        int bracket = name.IndexOf('(', StringComparison.Ordinal);
        string line = version.Split('\n')[0];
        int word = line.IndexOf("version ", StringComparison.Ordinal);
        return new EnginePart(
            bracket < 0 ? name : name[(bracket + 1)..].TrimEnd(')'),
            word < 0 ? line : line[(word + "version ".Length)..].Split(' ', ',')[0]
        );
    }

    /// <summary>Whether the client throws this exception when the engine refuses, is away, or answers nonsense.</summary>
    internal static bool IsEngineTrouble(Exception failure) =>
        failure
            is DockerApiException
                or HttpRequestException
                or IOException
                or TimeoutException
                or System.Net.Sockets.SocketException
                or System.Security.Authentication.AuthenticationException
                or Newtonsoft.Json.JsonException;

    internal static string Innermost(Exception failure)
    {
        while (failure.InnerException is { } inner)
        {
            failure = inner;
        }

        string text = failure is DockerApiException api ? ApiMessage(api) : failure.Message;
        return text.ReplaceLineEndings(" ").Trim().TrimEnd('.') + ".";
    }

    private static string ApiMessage(DockerApiException failure)
    {
        try
        {
            using System.Text.Json.JsonDocument body = System.Text.Json.JsonDocument.Parse(failure.ResponseBody ?? "");
            return body.RootElement.TryGetProperty("message", out System.Text.Json.JsonElement message)
                ? message.GetString() ?? ""
                : failure.Message;
        }
        catch (System.Text.Json.JsonException)
        {
            return failure.Message;
        }
    }

    private static Task<T> CallAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken) =>
        WithDeadlineAsync("the engine did not answer in time", CallDeadline, call, cancellationToken);

    // The client's reads do not always heed their token: the wait ends whatever they do.
    private static async Task<T> WithDeadlineAsync<T>(
        string expired,
        TimeSpan deadline,
        Func<CancellationToken, Task<T>> call,
        CancellationToken cancellationToken
    )
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(deadline);
        try
        {
            return await call(limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException(expired);
        }
    }
}
