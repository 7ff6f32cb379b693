using System.Collections.Frozen;
using IsolatedAgents.Execution;
using IsolatedAgents.Execution.Resolution;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Action.Tests;

/// <summary>A command line over writers, with a folder of its own and a runner that remembers what it was asked.</summary>
internal sealed class CommandLineFixture : IDisposable
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public string Folder { get; } = Directory.CreateTempSubdirectory("ia-action-").FullName;

    public AgentRunResult Result { get; set; } = new() { Verdict = Verdict.Passed };

    public AgentRunRequest? Request { get; private set; }

    /// <summary>Whether the runner saw that the caller had cancelled.</summary>
    public bool SawCancellation { get; private set; }

    public string Output => _output.ToString();

    public string Error => _error.ToString();

    public Terminal Terminal =>
        new()
        {
            OutputStream = Stream.Null,
            Output = _output,
            Error = _error,
            CurrentDirectory = Folder,
            Environment = new Dictionary<string, string> { ["HOME"] = Folder, ["TOKEN"] = "x" }.ToFrozenDictionary(),
        };

    public Task<int> InvokeAsync(CancellationToken cancellationToken, params string[] args) =>
        InvokeAsync(Terminal, cancellationToken, args);

    public Task<int> InvokeAsync(Terminal terminal, CancellationToken cancellationToken, params string[] args) =>
        new CommandLine(terminal, PrepareAsync).InvokeAsync(args, cancellationToken);

    public void Write(string name, string text) => File.WriteAllText(Path.Combine(Folder, name), text);

    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private Task<PreparedRun> PrepareAsync(AgentRunRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(new PreparedRun(TelemetrySettings.Default, [], (_, token) =>
            {
                Request = request;
                SawCancellation = token.IsCancellationRequested;
                return Task.FromResult(new RunOutcome(Result));
            }));
}
