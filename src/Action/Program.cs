using System.Collections;
using System.Collections.Frozen;
using IsolatedAgents.Engines;
using IsolatedAgents.Execution;

namespace IsolatedAgents.Action;

/// <summary>Joins the process to the command line. The one place that knows the console.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        Terminal terminal = OfProcess();
        EngineMemory memory = new();
        using SignalCancellation signals = new();
        CommandLine commandLine = new(terminal, (request, token) => RunPreparation.PrepareAsync(request, memory, token));
        return await commandLine.InvokeAsync(args, signals.Token);
    }

#pragma warning disable RS0030 // This is the composition root: the process's own state is read here and passed on as values.
    private static Terminal OfProcess() =>
        new()
        {
            OutputStream = Console.OpenStandardOutput(),
            Output = Console.Out,
            Error = Console.Error,
            IsOutputTerminal = !Console.IsOutputRedirected,
            Columns = static () => Console.IsOutputRedirected || Console.WindowWidth <= 0 ? null : Console.WindowWidth,
            CurrentDirectory = Environment.CurrentDirectory,
            ProgramName = Path.GetFileName(Environment.GetCommandLineArgs()[0]),
            Environment = Environment
                .GetEnvironmentVariables()
                .Cast<DictionaryEntry>()
                .ToFrozenDictionary(
                    entry => (string)entry.Key,
                    entry => (string?)entry.Value ?? "",
                    OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal
                ),
        };
#pragma warning restore RS0030
}
