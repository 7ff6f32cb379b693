using System.Globalization;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>The GitHub action, started as the runner does, beside the same run of the command line: what the container around it costs.</summary>
internal sealed class ActionTrue : IMeasure
{
    // The runner's own cost of starting any action is in it.
    private const double MostSecondsAdded = 1;

    private readonly string _executable;
    private readonly string _tag = $"isolated-agents/action-benchmark:{Guid.NewGuid():N}";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ia-action-benchmark-");
    private readonly List<double> _action = [];
    private readonly List<double> _commandLine = [];

    public ActionTrue(string executable)
    {
        _executable = executable;
        Peers = [new("command line", 10, RunCommandLineAsync)];
    }

    public string Name => "action-true";

    public IReadOnlyList<Peer> Peers { get; }

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(_executable)!, "..", "..", "..", ".."));
        string script = Path.Combine(root, "build", "action-image.sh");
        if (!File.Exists(_executable) || !File.Exists(script))
        {
            return $"'{_executable}' or '{script}' is not there: publish src/Action with -c Release -r linux-x64";
        }

        if (await DockerClient.MissingAsync(cancellationToken) is { } missing)
        {
            return missing;
        }

        Directory.CreateDirectory(Workspace);
        Directory.CreateDirectory(Temporary);
        Said = await ExternalProgram.ReadAsync(cancellationToken, "bash", script, _tag, "--published", Path.GetDirectoryName(_executable)!);
        return null;
    }

    private string Workspace => Path.Combine(_folder.FullName, "workspace");

    private string Temporary => Path.Combine(_folder.FullName, "temp");

    private string Said { get; set; } = "";

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        TimeSpan time = await ExternalProgram.TimeAsync(
            cancellationToken,
            "docker", "run", "--rm", "--workdir", "/github/workspace", "-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", $"{Workspace}:/github/workspace", "-v", $"{Temporary}:/github/runner_temp",
            "-e", "GITHUB_ACTIONS=true", "-e", "GITHUB_WORKSPACE=/github/workspace", "-e", "RUNNER_TEMP=/github/runner_temp", "-e", "INPUT_COMMAND=true", "-e", $"INPUT_IMAGE={DockerClient.Image}", _tag, "action");
        _action.Add(time.TotalSeconds);
        return time;
    }

    public IEnumerable<string> Notes()
    {
        double added = Median(_action) - Median(_commandLine);
        yield return Said.Split('\n')[^1];
        yield return string.Create(CultureInfo.InvariantCulture, $"the action adds {added:0.00} s (goal: under {MostSecondsAdded} s)");
    }

    public async ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        if (Said.Length > 0)
        {
            await ExternalProgram.ReadAsync(CancellationToken.None, "docker", "image", "rm", "--force", _tag);
        }
    }

    // With the reports that the action writes too.
    private async Task<TimeSpan> RunCommandLineAsync(CancellationToken cancellationToken)
    {
        TimeSpan time = await ExternalProgram.TimeAsync(
            cancellationToken,
            _executable, "run", "--command", "true", "--image", DockerClient.Image, "--working-directory", Workspace, "--ci", "none",
            "--report-directory", Path.Combine(_folder.FullName, "reports"), "--audit-log", Path.Combine(_folder.FullName, "audit.jsonl"));
        _commandLine.Add(time.TotalSeconds);
        return time;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
