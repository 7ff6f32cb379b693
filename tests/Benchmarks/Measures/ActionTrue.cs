using System.Globalization;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>
/// The GitHub action, started as the runner does, beside the same run of the command line: what the container around it costs.
/// </summary>
internal sealed class ActionTrue : IMeasure
{
    // The runner's own cost of starting any action is in it.
    private const double MostSecondsAdded = 1;

    private readonly string _executable;
    private readonly ActionImage _image;
    private readonly List<double> _action = [];
    private readonly List<double> _commandLine = [];

    public ActionTrue(string executable)
    {
        _executable = executable;
        _image = new ActionImage(executable);
        Peers = [new("command line", 10, RunCommandLineAsync)];
    }

    public string Name => "action-true";

    public IReadOnlyList<Peer> Peers { get; }

    public Task<string?> PrepareAsync(CancellationToken cancellationToken) => _image.BuildAsync(cancellationToken);

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        TimeSpan time = await ExternalProgram.TimeAsync(cancellationToken, _image.Step("true"));
        _action.Add(time.TotalSeconds);
        return time;
    }

    public IEnumerable<string> Notes()
    {
        double added = Median(_action) - Median(_commandLine);
        yield return _image.Size;
        yield return string.Create(CultureInfo.InvariantCulture, $"the action adds {added:0.00} s (goal: under {MostSecondsAdded} s)");
    }

    public ValueTask DisposeAsync() => _image.DisposeAsync();

    // With the reports that the action writes too.
    private async Task<TimeSpan> RunCommandLineAsync(CancellationToken cancellationToken)
    {
        TimeSpan time = await ExternalProgram.TimeAsync(
            cancellationToken,
            _executable,
            "run",
            "--command",
            "true",
            "--image",
            DockerClient.Image,
            "--working-directory",
            _image.Workspace,
            "--ci",
            "none",
            "--report-directory",
            _image.Reports,
            "--audit-log",
            Path.Combine(_image.Reports, "audit.jsonl")
        );
        _commandLine.Add(time.TotalSeconds);
        return time;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
