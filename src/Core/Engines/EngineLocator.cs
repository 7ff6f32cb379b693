using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines.Docker;

namespace IsolatedAgents.Engines;

/// <summary>
/// Finds the engine as a user's own tools would: <c>DOCKER_HOST</c>, the current context, the usual sockets; then Podman's.
/// </summary>
internal sealed class EngineLocator(FrozenDictionary<string, string> hostEnvironment)
{
    private static readonly TimeSpan ConnectDeadline = TimeSpan.FromSeconds(10);

    // A connection through several machines, each of which looks names up.
    private static readonly TimeSpan SshDeadline = TimeSpan.FromSeconds(30);

    /// <summary>Connects to the first engine of the wanted kind that answers.</summary>
    /// <exception cref="EngineException">IA2001, naming everything that was tried.</exception>
    public async Task<IContainerEngine> ConnectAsync(EngineKind kind, CancellationToken cancellationToken)
    {
        List<string> failures = [];
        foreach (Uri address in Candidates(kind))
        {
            if (address.Scheme == "unix" && !File.Exists(address.LocalPath))
            {
                failures.Add($"{address}: no such socket.");
                continue;
            }

            try
            {
                DockerEngine engine =
                    address.Scheme == EngineSsh.Scheme
                        ? await DockerEngine
                            .ConnectAsync(address, SshDeadline, cancellationToken, EngineSsh.Create(address, hostEnvironment))
                            .ConfigureAwait(false)
                        : await DockerEngine.ConnectAsync(address, ConnectDeadline, cancellationToken, Tls(address)).ConfigureAwait(false);
                if (kind == EngineKind.Auto || engine.Description.Name == kind.ToString())
                {
                    return engine;
                }

                failures.Add($"{address}: {engine.Description.Name} answers there.");
                engine.Dispose();
            }
            catch (EngineException failure)
            {
                failures.Add(failure.Message);
            }
        }

        string wanted = kind == EngineKind.Auto ? "container engine" : $"{kind} engine";
        throw new EngineException(
            DiagnosticTable.NoEngine,
            $"No {wanted} answers. Tried {string.Join(" ", failures)} Start one, or point DOCKER_HOST at it."
        );
    }

    /// <summary>The addresses at which an engine may answer, most explicit first.</summary>
    internal IEnumerable<Uri> Candidates(EngineKind kind)
    {
        if (Variable("DOCKER_HOST") is { } host)
        {
            // What was named is used or fails: never silently another engine.
            yield return ParseHost(host, "DOCKER_HOST");
            yield break;
        }

        if (kind != EngineKind.Podman)
        {
            foreach (Uri address in DockerCandidates())
            {
                yield return address;
            }
        }

        if (kind != EngineKind.Docker && !OperatingSystem.IsWindows())
        {
            if (Variable("XDG_RUNTIME_DIR") is { } runtime)
            {
                yield return Socket($"{runtime}/podman/podman.sock");
            }

            yield return Socket("/run/podman/podman.sock");
        }
    }

    // As docker's own client takes it: the variables with DOCKER_HOST, the context's files with a context.
    private EngineTls? Tls(Uri address)
    {
        if (address.Scheme is not ("tcp" or "http"))
        {
            return null;
        }

        if (Variable("DOCKER_HOST") is null)
        {
            return ContextTls() is { } folder ? EngineTls.Load(folder) : null;
        }

        if (Variable("DOCKER_TLS_VERIFY") is not null)
        {
            return EngineTls.Load(
                Variable("DOCKER_CERT_PATH")
                    ?? ConfigurationFolder()
                    ?? throw new EngineException(
                        DiagnosticTable.NoEngine,
                        "DOCKER_TLS_VERIFY is set, and no folder with certificates is known. Name it by DOCKER_CERT_PATH."
                    )
            );
        }

        return Variable("DOCKER_TLS") is null
            ? null
            : throw new EngineException(
                DiagnosticTable.NoEngine,
                "DOCKER_TLS asks for an engine whose certificate nobody checks, which would let anybody take its place. Set DOCKER_TLS_VERIFY, and DOCKER_CERT_PATH to the folder of the certificates."
            );
    }

    private IEnumerable<Uri> DockerCandidates()
    {
        if (ContextHost() is { } context)
        {
            yield return ParseHost(context, "the current docker context");
            yield break;
        }

        if (OperatingSystem.IsWindows())
        {
            yield return new Uri("npipe://./pipe/docker_engine");
            yield break;
        }

        yield return Socket("/var/run/docker.sock");
        if (Variable("XDG_RUNTIME_DIR") is { } runtime)
        {
            yield return Socket($"{runtime}/docker.sock");
        }

        if (Variable("HOME") is { } home)
        {
            yield return Socket($"{home}/.docker/run/docker.sock");
        }
    }

    // docker/cli keeps a context's endpoint under the SHA-256 of its name.
    private string? ContextHost()
    {
        if (Context() is not var (folder, name, id))
        {
            return null;
        }

        return ReadString(Path.Combine(folder, "contexts", "meta", id, "meta.json"), "Endpoints", "docker", "Host")
            ?? throw new EngineException(
                DiagnosticTable.NoEngine,
                $"The docker context '{name}' is chosen and does not exist. Choose one with 'docker context use'."
            );
    }

    private string? ContextTls() =>
        Context() is var (folder, _, id) && Path.Combine(folder, "contexts", "tls", id, "docker") is { } files && Directory.Exists(files)
            ? files
            : null;

    private (string Folder, string Name, string Id)? Context()
    {
        if (ConfigurationFolder() is not { } folder)
        {
            return null;
        }

        string? name = Variable("DOCKER_CONTEXT") ?? ReadString(Path.Combine(folder, "config.json"), "currentContext");
        return name is null or "" or "default"
            ? null
            : (folder, name, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name))));
    }

    private string? ConfigurationFolder() =>
        Variable("DOCKER_CONFIG") ?? ((Variable("HOME") ?? Variable("USERPROFILE")) is { } home ? Path.Combine(home, ".docker") : null);

    private static string? ReadString(string file, params ReadOnlySpan<string> path)
    {
        try
        {
            using FileStream stream = File.OpenRead(file);
            using JsonDocument document = JsonDocument.Parse(stream);
            JsonElement element = document.RootElement;
            foreach (string name in path)
            {
                if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
                {
                    return null;
                }
            }

            return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private static Uri ParseHost(string host, string origin)
    {
        if (
            !Uri.TryCreate(host, UriKind.Absolute, out Uri? address)
            || address.Scheme is not ("unix" or "tcp" or "http" or "npipe" or EngineSsh.Scheme)
        )
        {
            throw new EngineException(
                DiagnosticTable.NoEngine,
                $"The engine address '{host}' of {origin} cannot be used: expected unix:///path, npipe://./pipe/name, tcp://host:port or ssh://user@host."
            );
        }

        return address;
    }

    private static Uri Socket(string path) => new("unix://" + path);

    private string? Variable(string name) => hostEnvironment.TryGetValue(name, out string? value) && value.Length > 0 ? value : null;
}
