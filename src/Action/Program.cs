using System.Collections;
using System.Collections.Frozen;
using IsolatedAgents.Action.Hosts;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Runs;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Action;

/// <summary>Joins the process to the command line. The one place that knows the console.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        Terminal terminal = OfProcess();
        using SignalCancellation signals = new();
        CommandLine commandLine = new(terminal, (request, host, token) => RunAsync(terminal, request, host, token));
        return await commandLine.InvokeAsync(args, signals.Token);
    }

    private static async Task<AgentRunResult> RunAsync(Terminal terminal, AgentRunRequest request, IBuildHost host, CancellationToken cancellationToken)
    {
        host.Mask(SensitiveValues.Of(request));
        using ILoggerFactory loggers = TelemetryComposition.Create(request, terminal, host);
        return await new AgentRunner(loggers).RunAsync(request, cancellationToken);
    }

#pragma warning disable RS0030 // This is the composition root: the process's own state is read here and passed on as values.
    private static Terminal OfProcess() => new()
    {
        OutputStream = Console.OpenStandardOutput(),
        Output = Console.Out,
        Error = Console.Error,
        IsOutputTerminal = !Console.IsOutputRedirected,
        CurrentDirectory = Environment.CurrentDirectory,
        ProgramName = Path.GetFileName(Environment.GetCommandLineArgs()[0]),
        Environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToFrozenDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal),
    };
#pragma warning restore RS0030
}
