using System.Globalization;
using System.Runtime.CompilerServices;
using IsolatedAgents.Engines;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Policies;
using IsolatedAgents.Protocol;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox;

namespace IsolatedAgents.Examination;

/// <summary>
/// Says whether agents can be run here, and how well. What holds inside a sandbox is found out in one: a real supervisor, under the
/// policy's own limits, checks every control as it does before an agent, and is then asked for a program that does not exist.
/// </summary>
internal sealed class Doctor(AgentRunRequest request)
{
    private const string NoProgram = "/.isolated-agents/no-program";
    private const string NotOffered = "not offered in the sandbox";
    private const string Newer = "use a newer kernel and engine";
    private const long FewBytes = 1L << 30;

    private static readonly TimeSpan ProbeDeadline = TimeSpan.FromSeconds(30);

    private readonly List<Finding> _findings = [];

    /// <summary>Looks at everything that can be looked at.</summary>
    /// <exception cref="Diagnostics.ConfigurationException">The policy or the request is wrong.</exception>
    public async Task<IReadOnlyList<Finding>> ExamineAsync(CancellationToken cancellationToken)
    {
        LoadedPolicy loaded = RunResolver.LoadPolicy(request);
        Add("policy", FindingState.Ok, loaded.File is null ? "the default policy" : $"'{loaded.File}' is valid");
        foreach (UnavailableControl control in UnavailableControls.Of(loaded.Policy))
        {
            Add("policy", FindingState.Missing, control.Message, "a run under this policy fails with IA2004", $"leave '{control.Key}' out");
        }

        ExamineDisk();
        IContainerEngine engine;
        try
        {
            engine = await new EngineLocator(request.HostEnvironment).ConnectAsync(request.Engine, cancellationToken).ConfigureAwait(false);
        }
        catch (EngineException failure)
        {
            Add("engine", FindingState.Missing, failure.Message, "nothing can run", "start Docker or Podman, or point DOCKER_HOST at one");
            return _findings;
        }

        using (engine)
        {
            await ExamineEngineAsync(engine, loaded, cancellationToken).ConfigureAwait(false);
        }

        return _findings;
    }

    private async Task ExamineEngineAsync(IContainerEngine engine, LoadedPolicy loaded, CancellationToken cancellationToken)
    {
        try
        {
            Add("engine", FindingState.Ok, $"{engine.Description.Name} {engine.Description.Version} at {engine.Description.Address}");
            EngineParts parts = await engine.DescribePartsAsync(cancellationToken).ConfigureAwait(false);
            ExamineParts(parts);
            if (await engine.FindImageAsync(loaded.Policy.BaseImage, cancellationToken).ConfigureAwait(false) is { } image)
            {
                Add("image", FindingState.Ok, $"'{image.Reference}' is {image.Digest}");
                await ProbeInAsync(engine, image, loaded, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                Add(
                    "image",
                    FindingState.Warning,
                    $"'{loaded.Policy.BaseImage}' is not on the engine",
                    "the first run pulls it; the sandbox could not be tried",
                    "pull it or build it, and ask again"
                );
            }
        }
        catch (EngineException failure)
        {
            Add(
                "engine",
                FindingState.Missing,
                $"{failure.Code}: {failure.Message}",
                "a run fails so",
                "mend what the message names, and ask again"
            );
        }
    }

    private void ExamineParts(EngineParts parts)
    {
        if (parts.Architecture is "amd64" or "x86_64")
        {
            Add("processor", FindingState.Ok, parts.Architecture);
        }
        else
        {
            Add(
                "processor",
                FindingState.Missing,
                parts.Architecture,
                "the sandbox's supervisor is made for x86-64 alone",
                "use an engine on such a machine"
            );
        }

        foreach ((EnginePart part, KnownProblem problem) in KnownProblem.Of(parts.Parts))
        {
            Add(
                "version",
                FindingState.Warning,
                $"{part.Name} {part.Version} is older than {problem.FixedIn}",
                problem.Problem,
                "update it, unless the distribution has mended this version"
            );
        }

        if (!_findings.Any(finding => finding.Check == "version"))
        {
            Add("version", FindingState.Ok, string.Join(", ", parts.Parts.Select(part => $"{part.Name} {part.Version}")));
        }
    }

    private void ExamineDisk()
    {
        DriveInfo disk = new(Path.GetTempPath());
        string found = string.Create(
            CultureInfo.InvariantCulture,
            $"{disk.AvailableFreeSpace / 1048576.0:0} MiB free for '{Path.GetTempPath()}'"
        );
        if (disk.AvailableFreeSpace < FewBytes)
        {
            Add("disk", FindingState.Warning, found, "outputs may not find room", "free some");
        }
        else
        {
            Add("disk", FindingState.Ok, found);
        }
    }

    // A policy that is refused has no sandbox to look at.
    private async Task ProbeInAsync(
        IContainerEngine engine,
        ImageDescription image,
        LoadedPolicy loaded,
        CancellationToken cancellationToken
    )
    {
        if (_findings.Any(finding => finding is { Check: "policy", State: FindingState.Missing }))
        {
            return;
        }

        // Whatever folder this is asked in is no workspace.
        DirectoryInfo workspace = Directory.CreateTempSubdirectory("isolated-agents-doctor-");
        try
        {
            await ProbeAsync(engine, image, loaded, workspace.FullName, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            workspace.Delete(recursive: true);
        }
    }

    private async Task ProbeAsync(
        IContainerEngine engine,
        ImageDescription image,
        LoadedPolicy loaded,
        string workspace,
        CancellationToken cancellationToken
    )
    {
        AgentRunRequest probe = request with { Agent = null, Command = NoProgram, WorkingDirectory = workspace };
        ResolvedRun run = RunResolver.Resolve(probe, loaded, Guid.CreateVersion7().ToString("N"));
        run = run with { Agent = run.Agent with { Command = [NoProgram] } };
        SandboxPlan plan = new(run, image, HostPathMap.Same, TimeSpan.Zero);
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(ProbeDeadline);
        StartedSandbox started = await new SandboxStarter(
            engine,
            new SandboxStart(run.Transport, run.Delivery, run.HasEgress, run.EngineMemory)
        )
            .StartAsync(run.SessionId, plan.CreateSpec, deadline.Token)
            .ConfigureAwait(false);
        using ChannelFolder? channel = started.Channel;
        await using ConfiguredAsyncDisposable containerScope = started.Container.ConfigureAwait(false);
        try
        {
            SandboxLink link = new(started.Container.Transport, run.HasEgress);
            await using ConfiguredAsyncDisposable linkScope = link.ConfigureAwait(false);
            await link.LaunchAsync(plan.CreateLaunch(started.Route, channel), deadline.Token).ConfigureAwait(false);
            AddRoute(started.Route);
            await foreach (SandboxFrame frame in link.ReadAsync(deadline.Token).ConfigureAwait(false))
            {
                Take(frame);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Add(
                "sandbox",
                FindingState.Missing,
                "the supervisor did not answer in time",
                "a run fails with IA2003",
                "look at the engine's own log"
            );
        }
        finally
        {
            await started.Container.RemoveAsync().ConfigureAwait(false);
        }
    }

    private void AddRoute(SandboxRoute route)
    {
        if (route.UsesSocket && !route.CopiesFiles)
        {
            Add("files and kernel", FindingState.Ok, "the engine shares both with this machine");
            return;
        }

        string found = route.CopiesFiles
            ? "the engine does not see this machine's files"
            : "the engine does not share this machine's kernel, or a security module keeps the sandbox from its socket";
        string cost = route.CopiesFiles
            ? "agent and workspace are copied into every sandbox; output comes at the speed of the attached streams"
            : "output comes at the speed of the attached streams";
        Add("files and kernel", FindingState.Warning, found, cost, "use an engine on this machine where that matters");
    }

    private void Take(SandboxFrame frame)
    {
        switch (frame.Type)
        {
            case FrameType.Hello:
                AddKernel(Hello.FromPayload(frame.Payload));
                break;
            case FrameType.SetupFailed when SetupFailure.FromPayload(frame.Payload) is { Kind: SetupFailureKind.Agent }:
                Add(
                    "controls",
                    FindingState.Ok,
                    "every one is in force: limits, empty network, read-only mounts, user, privileges, system-call filter"
                );
                break;
            case FrameType.SetupFailed:
                SetupFailure failure = SetupFailure.FromPayload(frame.Payload);
                Add(
                    "controls",
                    FindingState.Missing,
                    $"'{failure.Subject}' is not in force: {failure.Detail}",
                    "a run fails with IA2004",
                    "let the engine grant it, or use another engine"
                );
                break;
        }
    }

    private void AddKernel(Hello hello)
    {
        Add("kernel", FindingState.Ok, hello.KernelRelease);
        Add(
            "control groups",
            hello.ControlGroupVersion == 0 ? FindingState.Missing : FindingState.Ok,
            hello.ControlGroupVersion == 0
                ? "none is visible in the sandbox"
                : string.Create(CultureInfo.InvariantCulture, $"version {hello.ControlGroupVersion}"),
            hello.ControlGroupVersion == 0 ? "limits cannot be checked, and a run fails with IA2004" : null,
            hello.ControlGroupVersion == 0 ? "let the engine show them in its containers" : null
        );
        Add(
            "Landlock",
            hello.LandlockVersion > 0 ? FindingState.Ok : FindingState.Warning,
            hello.LandlockVersion > 0 ? string.Create(CultureInfo.InvariantCulture, $"version {hello.LandlockVersion}") : NotOffered,
            hello.LandlockVersion > 0
                ? null
                : "rules for files hold by the supervisor's answers alone, and a policy that requires it is refused",
            hello.LandlockVersion > 0 ? null : Newer
        );
        Add(
            "system-call notification",
            hello.HasSystemCallNotification ? FindingState.Ok : FindingState.Missing,
            hello.HasSystemCallNotification ? "there" : NotOffered,
            hello.HasSystemCallNotification ? null : "what an agent does cannot be seen, and a run fails with IA2004",
            hello.HasSystemCallNotification ? null : Newer
        );
    }

    private void Add(string check, FindingState state, string found, string? cost = null, string? remedy = null) =>
        _findings.Add(new Finding(check, state, found, cost, remedy));
}
