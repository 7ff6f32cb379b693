using System.Collections.Immutable;
using System.CommandLine;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Hosts;
using IsolatedAgents.Policies;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Action;

/// <summary><c>isolated-agents run [AGENT] [-- ARGS]</c>.</summary>
internal sealed class RunCommand
{
    private const string ImageOption = "--image";
    private const string BaseImageKey = "base_image";

    private readonly Argument<string?> _agent = new("AGENT")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "The agent: a file, or a folder with an entry file.",
    };

    // Takes what is too much, so that the message about it can say where the agent's own arguments go.
    private readonly Argument<string[]> _surplus = new("ARGS") { Arity = ArgumentArity.ZeroOrMore, Hidden = true };

    private readonly Option<string?> _command = Text("--command", "TEXT", "A shell command to run instead of an agent file.");
    private readonly Option<string?> _policy = Text("--policy", "FILE", "The policy file; without it the default policy holds.");
    private readonly Option<string?> _image = Text(ImageOption, "IMAGE", "Image, in place of the policy's 'base_image'.");
    private readonly Option<string?> _workingDirectory = Text(
        "--working-directory",
        "DIR",
        "The workspace; the current folder without it."
    );
    private readonly Option<string?> _outputDirectory = Text(
        "--output-directory",
        "DIR",
        "Where collected outputs go; without it they are dropped."
    );
    private readonly Option<string?> _auditLog = Text(
        "--audit-log",
        "FILE",
        "The audit log, continued where it exists; the run fails where it cannot be written."
    );
    private readonly Option<string?> _reportDirectory = Text(
        "--report-directory",
        "DIR",
        "Where the session record and reports go; without it none are written."
    );
    private readonly Option<string?> _attestKey = Text(
        "--attest-key",
        "PEM",
        "The private ECDSA key (P-256) that signs the run's attestation in the report directory."
    );
    private readonly Option<string?> _engine = Text("--engine", "auto|docker|podman", "Which engine runs the sandbox.");
    private readonly Option<string?> _transport = Text("--transport", "auto|socket|attach", "How host and sandbox talk.");
    private readonly Option<string?> _delivery = Text("--delivery", "auto|mount|copy", "How files get into the sandbox.");
    private readonly Option<string?> _host = Text(
        "--ci",
        "auto|github|azure|none",
        "Whose log commands, annotations, summary and outputs are used; auto knows the host by its variables."
    );
    private readonly Option<string[]> _environment = new("--environment")
    {
        HelpName = "NAME",
        Description = "Name of a host variable that is passed through, beside those of the policy. May be repeated.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly PolicyOptions _policyOptions = new();
    private readonly Terminal _terminal;
    private readonly PrepareRun _prepareRun;
    private readonly string[] _agentArguments;

    private RunCommand(Terminal terminal, PrepareRun prepareRun, string[] agentArguments)
    {
        _terminal = terminal;
        _prepareRun = prepareRun;
        _agentArguments = agentArguments;
    }

    public static Command Create(Terminal terminal, PrepareRun prepareRun, string[] agentArguments)
    {
        RunCommand run = new(terminal, prepareRun, agentArguments);
        Command command = new("run", "Runs an agent under a policy. The agent's own arguments stand behind '--'.")
        {
            run._agent,
            run._surplus,
        };
        foreach (Option option in run.Options())
        {
            command.Options.Add(option);
        }

        command.SetAction(run.InvokeAsync);
        return command;
    }

    private static Option<string?> Text(string name, string placeholder, string description) =>
        new(name)
        {
            HelpName = placeholder,
            Description = description,
            Arity = ArgumentArity.ExactlyOne,
        };

    private IEnumerable<Option> Options() =>
        [
            _command,
            _policy,
            _image,
            _workingDirectory,
            _outputDirectory,
            _auditLog,
            _reportDirectory,
            _attestKey,
            _engine,
            _transport,
            _delivery,
            _host,
            _environment,
            .. _policyOptions.All,
        ];

    private async Task<int> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        BuildHost? host = Host(parsed.GetValue(_host));
        HostedRun run = new(_terminal, _prepareRun, host);
        AgentRunRequest request;
        try
        {
            request = Request(parsed);
        }
        catch (ConfigurationException failure) when (host is not null)
        {
            return run.Refuse(failure).ExitCode;
        }

        AgentRunResult result = await run.RunAsync(request, null, cancellationToken);
        if (result.AuditHead is not null)
        {
            await _terminal.Error.WriteLineAsync($"audit: {QuotedText.Of(parsed.GetValue(_auditLog)!)} ends in {result.AuditHead}");
        }

        return result.ExitCode;
    }

    private AgentRunRequest Request(ParseResult parsed)
    {
        (string? agent, string? command) = Subject(parsed);
        ImmutableArray<PolicyOverride> overrides = _policyOptions.Read(parsed);
        string? image = parsed.GetValue(_image);
        if (image is not null && overrides.FirstOrDefault(policyOverride => policyOverride.Key == BaseImageKey) is { } baseImage)
        {
            throw UsageErrors.New($"'{ImageOption}' and '{baseImage.ParameterName}' both name the image; keep one of them.");
        }

        if (image is not null)
        {
            // As the key that it stands for, so that a message about it names what was typed.
            overrides = overrides.Add(new PolicyOverride(BaseImageKey, [image], ImageOption));
        }

        return new AgentRunRequest
        {
            BaseDirectory = _terminal.CurrentDirectory,
            Agent = agent,
            Command = command,
            Arguments = [.. _agentArguments],
            WorkingDirectory = parsed.GetValue(_workingDirectory),
            OutputDirectory = parsed.GetValue(_outputDirectory),
            PolicyFile = parsed.GetValue(_policy),
            PolicyOverrides = overrides,
            Engine = Choice("--engine", parsed.GetValue(_engine), RequestWords.Engine),
            Transport = Choice("--transport", parsed.GetValue(_transport), RequestWords.Transport),
            Delivery = Choice("--delivery", parsed.GetValue(_delivery), RequestWords.Delivery),
            AuditLog = parsed.GetValue(_auditLog),
            ReportDirectory = parsed.GetValue(_reportDirectory),
            AttestationKey = parsed.GetValue(_attestKey),
            Environment = [.. parsed.GetValue(_environment) ?? []],
            HostEnvironment = _terminal.Environment,
            OwnContainer = OwnContainerDetection.Find(_terminal.Hosts, _terminal.Environment),
        };
    }

    private (string? Agent, string? Command) Subject(ParseResult parsed)
    {
        string? agent = parsed.GetValue(_agent);
        string[] words = [.. agent is null ? [] : new[] { agent }, .. parsed.GetValue(_surplus) ?? []];
        Command self = parsed.CommandResult.Command;

        // The parser takes a misspelt option for an argument.
        if ((words.FirstOrDefault(UsageErrors.LooksLikeOption) ?? words.ElementAtOrDefault(1)) is { } unexpected)
        {
            throw UsageErrors.Unexpected(unexpected, self);
        }

        string? command = parsed.GetValue(_command);
        return (agent, command) switch
        {
            (null, null) => throw UsageErrors.New("Nothing to run: write the agent's file or folder, or '--command TEXT'."),
            ({ } file, not null) => throw UsageErrors.New(
                $"The agent '{QuotedText.Of(file)}' and '--command' exclude each other; keep one of them."
            ),
            _ => (agent, command),
        };
    }

    private BuildHost? Host(string? word)
    {
        (bool isKnown, BuildHost? host) = _terminal.Hosts.Choose(word ?? BuildHosts.Automatic, _terminal.Environment);
        return isKnown
            ? host
            : throw UsageErrors.New($"'--ci' must be {RequestWords.Of(_terminal.Hosts.Words)}, but is '{QuotedText.Of(word!)}'.");
    }

    private static T Choice<T>(string option, string? word, Func<string?, T?> choose)
        where T : struct, Enum =>
        choose(word) ?? throw UsageErrors.New($"'{option}' must be {RequestWords.Of<T>()}, but is '{QuotedText.Of(word!)}'.");
}
