namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>The same with the command line: start of the process and of the runtime included.</summary>
/// <param name="executable">The published <c>isolated-agents</c>.</param>
internal sealed class CliTrue(string executable) : IMeasure
{
    private readonly Bench _bench = new();

    public string Name => "cli-true";

    public IReadOnlyList<Peer> Peers { get; } =
    [new("docker run --rm", 0.8, token => ExternalProgram.TimeAsync(token, [.. DockerClient.Run(), "true"]))];

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken) =>
        File.Exists(executable)
            ? await DockerClient.MissingAsync(cancellationToken)
            : $"'{executable}' is not there: publish src/Action with -c Release -r linux-x64, or name the executable with --cli";

    public Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken) =>
        ExternalProgram.TimeAsync(
            cancellationToken,
            executable,
            "run",
            "--command",
            "true",
            "--policy",
            _bench.PolicyFile,
            "--working-directory",
            _bench.Workspace
        );

    public IEnumerable<string> Notes() => [];

    public ValueTask DisposeAsync()
    {
        _bench.Dispose();
        return ValueTask.CompletedTask;
    }
}
