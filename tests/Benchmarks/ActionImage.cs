namespace IsolatedAgents.Benchmarks;

/// <summary>The image of the GitHub action, built for one measure and removed with it, and steps of it as the runner starts them.</summary>
/// <param name="executable">The published command line.</param>
internal sealed class ActionImage(string executable) : IAsyncDisposable
{
    private readonly string _tag = $"isolated-agents/action-benchmark:{Guid.NewGuid():N}";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ia-action-benchmark-");
    private bool _isBuilt;

    public string Workspace => Path.Combine(_folder.FullName, "workspace");

    public string Reports => Path.Combine(_folder.FullName, "reports");

    /// <summary>What the build said of the image's size.</summary>
    public string Size { get; private set; } = "";

    private string Temporary => Path.Combine(_folder.FullName, "temp");

    /// <summary>Builds it; the reason why that cannot be, or null.</summary>
    public async Task<string?> BuildAsync(CancellationToken cancellationToken)
    {
        string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(executable)!, "..", "..", "..", ".."));
        string script = Path.Combine(root, "build", "action-image.sh");
        if (!File.Exists(executable) || !File.Exists(script))
        {
            return $"'{executable}' or '{script}' is not there: publish src/Action with -c Release -r linux-x64";
        }

        if (await DockerClient.MissingAsync(cancellationToken) is { } missing)
        {
            return missing;
        }

        Directory.CreateDirectory(Workspace);
        Directory.CreateDirectory(Temporary);
        _isBuilt = true;
        Size = (
            await ExternalProgram.ReadAsync(cancellationToken, "bash", script, _tag, "--published", Path.GetDirectoryName(executable)!)
        ).Split('\n')[^1];
        return null;
    }

    /// <summary>The command that a runner starts a step with.</summary>
    public string[] Step(string agent) =>
        [
            "docker",
            "run",
            "--rm",
            "--workdir",
            "/github/workspace",
            "-v",
            "/var/run/docker.sock:/var/run/docker.sock",
            "-v",
            $"{Workspace}:/github/workspace",
            "-v",
            $"{Temporary}:/github/runner_temp",
            "-e",
            "GITHUB_ACTIONS=true",
            "-e",
            "GITHUB_WORKSPACE=/github/workspace",
            "-e",
            "RUNNER_TEMP=/github/runner_temp",
            "-e",
            $"INPUT_COMMAND={agent}",
            "-e",
            $"INPUT_IMAGE={DockerClient.Image}",
            _tag,
            "action",
        ];

    public async ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        if (_isBuilt)
        {
            await ExternalProgram.ReadAsync(CancellationToken.None, "docker", "image", "rm", "--force", _tag);
        }
    }
}
