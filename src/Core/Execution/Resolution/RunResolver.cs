using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using IsolatedAgents.Agents;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Egress;
using IsolatedAgents.Egress.Credentials;
using IsolatedAgents.Egress.Dialling;
using IsolatedAgents.Outputs;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Policies.Rules;
using IsolatedAgents.Protocol;
using IsolatedAgents.Reports.Attestations;
using IsolatedAgents.Repositories;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Execution.Resolution;

/// <summary>Turns a request into a <see cref="ResolvedRun"/>, or says what is wrong with it. Creates nothing.</summary>
internal static class RunResolver
{
    // MAX_ARG_STRLEN, include/uapi/linux/binfmts.h, the zero at the end included.
    private const int MaxArgumentBytes = 131_072;

    /// <exception cref="ConfigurationException">The request, the policy or the agent is wrong.</exception>
    public static ResolvedRun Resolve(AgentRunRequest request, LoadedPolicy loaded, string sessionId)
    {
        if (UnavailableControls.Of(loaded.Policy) is [{ } control, ..])
        {
            throw new ConfigurationException(
                loaded.DiagnosticAt(control.Key, DiagnosticTable.Policy, DiagnosticSeverity.Error, control.Message)
            );
        }

        AgentPlan agent = AgentPlanner.Plan(request);
        RequireShortEnough(
            agent.Command.Select(
                (argument, index) =>
                    (
                        index == 0 ? "The agent's program"
                        : index == 2 && request.Command is { Length: > 0 } ? "The command"
                        : $"Argument {index} of the agent",
                        argument
                    )
            )
        );
        if (agent.Mount is { } mount && Directory.Exists(mount.HostPath))
        {
            agent = agent with { Mount = mount with { HostPath = ResolveShownFolder(mount.HostPath, "agent folder", request) } };
        }

        string? workspace =
            loaded.Policy.Filesystem.Workspace == WorkspaceAccess.None ? null : RequireCopyable(ResolveWorkspace(request), loaded.Policy);
        ImmutableArray<string?> shown =
        [
            workspace,
            agent.Mount?.HostPath,
            .. loaded.Policy.ReadonlyMounts.Select(mounted => mounted.HostPath),
        ];
        (ImmutableSortedDictionary<string, string> environment, ImmutableArray<string> secrets) = ResolveEnvironment(
            request,
            loaded.Policy,
            agent
        );
        RequireShortEnough(
            environment.Select(variable => ($"The variable '{UntrustedText.Display(variable.Key)}'", $"{variable.Key}={variable.Value}"))
        );
        EgressCredentials credentials = EgressCredentials.Resolve(loaded, request.HostEnvironment);
        IEnumerable<string> proxySecrets =
            loaded.Policy.Network.AllowedEndpoints.Length > 0
                ? new UpstreamProxies(request.HostEnvironment).Secrets.Where(secret => secret.Length >= SecretMasker.MinimumLength)
                : [];
        return new ResolvedRun
        {
            SessionId = sessionId,
            Loaded = loaded,
            Agent = agent,
            Workspace = workspace,
            RecordFolder = request.StampFile is { Length: > 0 } stamp
                ? Path.GetDirectoryName(Path.GetFullPath(stamp, request.BaseDirectory))
                : null,
            ProtectedPaths = [.. loaded.Policy.Filesystem.ProtectedPaths, .. OwnFiles.Find(request, loaded, agent, workspace)],
            HostEnvironment = request.HostEnvironment,
            Inodes = shown
                .OfType<string>()
                .Distinct(StringComparer.Ordinal)
                .ToFrozenDictionary(path => path, FileIdentity.Inode, StringComparer.Ordinal),
            Output = request.OutputDirectory is { Length: > 0 } output
                ? OutputDirectory.Open(Path.GetFullPath(output, request.BaseDirectory), request.Owner)
                : null,
            AuditLog = ResolveAuditLog(request, loaded.Policy.Filesystem.Workspace == WorkspaceAccess.Write ? workspace : null),
            ReportDirectory = request.ReportDirectory is { Length: > 0 } report ? Path.GetFullPath(report, request.BaseDirectory) : null,
            AttestationKey = AttestationFile.RequireKey(request, shown.OfType<string>()),
            Engine = request.Engine,
            Transport = request.Transport,
            Delivery = request.Delivery,
            SharedFolders = request.OwnContainer?.TemporaryFolders ?? [],
            Environment = environment.SetItems(credentials.Environment),
            ShownConfigurations =
            [
                .. shown
                    .OfType<string>()
                    .Where(Directory.Exists)
                    .Distinct(StringComparer.Ordinal)
                    .SelectMany(ShownConfiguration.FindIn)
                    .DistinctBy(found => found.Path),
            ],
            Warnings = PolicyWarnings.Of(loaded, request.HostEnvironment),
            Secrets = [.. secrets, .. credentials.Secrets, .. proxySecrets],
            Egress = (request.Egress ?? new EgressOptions()) with { Credentials = credentials },
        };
    }

    /// <exception cref="ConfigurationException">The policy is wrong.</exception>
    public static LoadedPolicy LoadPolicy(AgentRunRequest request) =>
        PolicyLoader.Load(request.PolicyFile, request.BaseDirectory, Home(request.HostEnvironment), Overrides(request));

    private static ImmutableArray<PolicyOverride> Overrides(AgentRunRequest request) =>
        request.Image is { Length: > 0 } image
            ? request.PolicyOverrides.Add(new PolicyOverride("base_image", [image], "Image"))
            : request.PolicyOverrides;

    private static string? Home(FrozenDictionary<string, string> environment) =>
        environment.TryGetValue("HOME", out string? home) || environment.TryGetValue("USERPROFILE", out home) ? home : null;

    // The kernel starts no program that is given more: its own error, E2BIG, names neither the text nor the bound.
    private static void RequireShortEnough(IEnumerable<(string What, string Text)> texts)
    {
        foreach ((string what, string text) in texts)
        {
            int length = Encoding.UTF8.GetByteCount(text);
            if (length >= MaxArgumentBytes)
            {
                throw new ConfigurationException(
                    DiagnosticTable.Parameters,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{what} has {length} bytes, and Linux gives a program at most {MaxArgumentBytes - 1} in one argument or variable. Put it into a file that the agent reads."
                    )
                );
            }
        }
    }

    private static string ResolveWorkspace(AgentRunRequest request)
    {
        string workspace = Path.GetFullPath(request.WorkingDirectory is { Length: > 0 } given ? given : ".", request.BaseDirectory);
        if (!Directory.Exists(workspace))
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The working directory '{workspace}' does not exist. Name an existing folder."
            );
        }

        return ResolveShownFolder(workspace, "working directory", request);
    }

    // A writable workspace is copied: one that is as large as a disk is a mistake.
    private static string? RequireCopyable(string? workspace, Policy policy)
    {
        if (workspace is not null && policy.Filesystem.Workspace == WorkspaceAccess.Write)
        {
            EnumerationOptions all = new()
            {
                RecurseSubdirectories = true,
                AttributesToSkip = FileAttributes.None,
                IgnoreInaccessible = true,
            };
            (int entries, long bytes) = (0, 0);
            foreach (
                FileSystemInfo entry in new DirectoryInfo(workspace).EnumerateFileSystemInfos("*", all).Take(WorkspaceBounds.MaxEntries + 1)
            )
            {
                entries++;
                bytes += entry is FileInfo { LinkTarget: null } file ? SizeOf(file) : 0;
            }

            if (bytes > policy.MaxWorkspaceBytes)
            {
                throw new ConfigurationException(
                    DiagnosticTable.Parameters,
                    $"The working directory '{workspace}' holds {bytes} bytes, more than max_workspace_bytes ({policy.MaxWorkspaceBytes}) allows, and a workspace that may be written is copied. Name a folder that holds just what the agent needs, or raise the limit."
                );
            }

            if (entries > WorkspaceBounds.MaxEntries)
            {
                throw new ConfigurationException(
                    DiagnosticTable.Parameters,
                    $"The working directory '{workspace}' has more than {WorkspaceBounds.MaxEntries} entries, and a workspace that may be written is copied. Name a folder that holds just what the agent needs."
                );
            }
        }

        return workspace;
    }

    // The changes of a run are put into the workspace while its audit log is still being written there: neither may touch the other.
    private static string? ResolveAuditLog(AgentRunRequest request, string? writableWorkspace)
    {
        if (request.AuditLog is not { Length: > 0 } given)
        {
            return null;
        }

        string path = Path.GetFullPath(given, request.BaseDirectory);
        if (
            writableWorkspace is not null
            && (
                LinkResolver.Resolve(path) is not { } resolved
                || resolved.StartsWith(writableWorkspace + Path.DirectorySeparatorChar, StringComparison.OrdinalIgnoreCase)
            )
        )
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The audit log '{path}' lies in the workspace '{writableWorkspace}', which the agent may change (filesystem.workspace: write). Name a file outside of the workspace."
            );
        }

        return path;
    }

    // One that is gone meanwhile takes no room.
    private static long SizeOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    /// <summary>Follows the links to a folder that the agent will see, and refuses those that no agent may see.</summary>
    private static string ResolveShownFolder(string folder, string what, AgentRunRequest request)
    {
        // What is mounted is what is there, and not what a link points to when the engine looks.
        string resolved = LinkResolver.Resolve(folder)
            ?? throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The {what} '{folder}' lies behind links that cannot be followed. Name the folder itself."
            );
        if (resolved == Path.GetPathRoot(resolved))
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The {what} '{folder}' is the root of a file system, which is never shown to an agent. Name a folder below it."
            );
        }

        HostPathGuard guard = new(Home(request.HostEnvironment));
        return (guard.WorkspaceProblem(folder) ?? guard.WorkspaceProblem(resolved)) is { } problem
            ? throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The {what} '{folder}' {problem}. Name a folder that holds just what the agent needs."
            )
            : Path.TrimEndingDirectorySeparator(resolved);
    }

    private static (ImmutableSortedDictionary<string, string> Environment, ImmutableArray<string> Secrets) ResolveEnvironment(
        AgentRunRequest request,
        Policy policy,
        AgentPlan agent
    )
    {
        ImmutableSortedDictionary<string, string>.Builder environment = ImmutableSortedDictionary.CreateBuilder<string, string>(
            StringComparer.Ordinal
        );
        environment["HOME"] = SandboxPaths.Temporary;
        environment["TMPDIR"] = SandboxPaths.Temporary;
        environment["ISOLATED_AGENTS"] = "1";
        // Looking at a repository writes to it, unless git is told that it need not.
        environment["GIT_OPTIONAL_LOCKS"] = "0";
        environment["GIT_CONFIG_SYSTEM"] = SandboxPaths.GitConfiguration;
        environment["ISOLATED_AGENTS_OUTPUT"] = SandboxPaths.Output;
        environment["ISOLATED_AGENTS_WORKSPACE"] = SandboxPaths.Workspace;
        environment.AddRange(agent.Environment);
        foreach ((string name, string value) in policy.EnvVars)
        {
            environment[name] = value;
        }

        foreach (string name in request.Environment)
        {
            if (EnvironmentNames.Check(name).Problem is { } problem)
            {
                throw new ConfigurationException(
                    DiagnosticTable.Parameters,
                    $"The variable '{UntrustedText.Display(name)}' cannot be passed through: {problem}."
                );
            }
        }

        foreach (string name in policy.AllowedEnvVars.Concat(request.Environment))
        {
            if (request.HostEnvironment.TryGetValue(name, out string? value))
            {
                environment[name] = value;
            }
        }

        ImmutableArray<string>.Builder secrets = ImmutableArray.CreateBuilder<string>();
        foreach (string name in policy.SensitiveEnvVars)
        {
            if (!request.HostEnvironment.TryGetValue(name, out string? value) || value.Length == 0)
            {
                continue;
            }

            if (value.Length < SecretMasker.MinimumLength)
            {
                throw new ConfigurationException(
                    DiagnosticTable.Parameters,
                    $"The value of the sensitive variable '{name}' has fewer than {SecretMasker.MinimumLength} characters and cannot be masked. Use a longer one, or list it in allowed_env_vars if it is no secret."
                );
            }

            environment[name] = value;
            secrets.Add(value);
        }

        return (environment.ToImmutable(), secrets.ToImmutable());
    }
}
