using System.Globalization;
using IsolatedAgents.Events;

namespace IsolatedAgents.Benchmarks.Measures;

/// <summary>
/// What an agent pays for being watched: a job that opens files takes its own time, watched by us, and not watched or watched by another.
/// </summary>
internal sealed class Observed : IMeasure
{
    private const string Script = "job";

    private readonly Bench _bench = new(image: DockerClient.PythonImage);
    private readonly string _interpreter;
    private readonly string _script;
    private readonly int _files;
    private readonly int _opens;

    private Observed(string name, string interpreter, string script, int files, int opens, Func<Bench, Peer> createPeer)
    {
        Name = name;
        _interpreter = interpreter;
        _script = script;
        _files = files;
        _opens = opens;
        Peers = [createPeer(_bench)];
    }

    public string Name { get; }

    public IReadOnlyList<Peer> Peers { get; }

    /// <summary>The same file again and again, beside the usual tracer on its fast path.</summary>
    public static Observed OpenStorm()
    {
        const int Opens = 20_000;
        string script = $"""
            import os, time
            path = os.path.join(os.path.dirname(__file__), 'd0', 'f0')
            began = time.perf_counter_ns()
            for i in range({Opens}): os.close(os.open(path, os.O_RDONLY))
            print((time.perf_counter_ns() - began) // 1000)

            """;
        return new Observed("open-storm", "python3", script, files: 1, Opens, bench => new Peer("strace -f --seccomp-bpf", 0.33, token =>
            ReadTimeAsync(
                token,
                "strace",
                "-f",
                "--seccomp-bpf",
                "-e",
                "trace=open,openat",
                "-o",
                "/dev/null",
                "python3",
                Path.Combine(bench.Workspace, Script)
            )
        ));
    }

    /// <summary>Every file of a tree once.</summary>
    public static Observed Grep() => Untraced("grep", "grep -r absent \"$(dirname \"$0\")\" || true", files: 4000, goal: 2.5);

    /// <summary>Every file of a larger tree once, with nothing to do but to copy it.</summary>
    public static Observed Tar() => Untraced("tar", "tar -cf - -C \"$(dirname \"$0\")\" . | cat", files: 10_000, goal: 1.6);

    /// <summary>A runtime that loads its library.</summary>
    public static Observed PythonStart() =>
        Untraced(
            "python-start",
            "for i in 1 2 3 4 5; do python3 -c 'import asyncio, urllib.request, email, json, sqlite3'; done",
            files: 0,
            goal: 1.05
        );

    public async Task<string?> PrepareAsync(CancellationToken cancellationToken)
    {
        for (int i = 0; i < _files; i++)
        {
            string folder = Directory
                .CreateDirectory(Path.Combine(_bench.Workspace, string.Create(CultureInfo.InvariantCulture, $"d{i % 100}")))
                .FullName;
            await File.WriteAllTextAsync(
                Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"f{i}")),
                "a line of text, and another\n",
                cancellationToken
            );
        }

        await File.WriteAllTextAsync(Path.Combine(_bench.Workspace, Script), _script, cancellationToken);
        return await DockerClient.MissingAsync(cancellationToken);
    }

    public async Task<TimeSpan> RunOursAsync(CancellationToken cancellationToken)
    {
        TimedRun run = await _bench.RunAsync($"{_interpreter} /workspace/{Script}", collect: false, telemetryFile: true, cancellationToken);
        int told = run
            .Log.Events.OfType<FileRead>()
            .Where(read => read.Path.StartsWith("/workspace/d", StringComparison.Ordinal))
            .Sum(read => read.Count);
        if (told < _opens)
        {
            throw new InvalidOperationException($"{told} of {_opens} opened files were told.");
        }

        await DockerClient.WaitForRemovalAsync(run.Log.ContainerId, cancellationToken);
        return Time(run.Log.LastLine);
    }

    public IEnumerable<string> Notes() => [];

    public ValueTask DisposeAsync()
    {
        _bench.Dispose();
        return ValueTask.CompletedTask;
    }

    private static Observed Untraced(string name, string job, int files, double goal) =>
        new(
            name,
            "sh",
            $"began=$(date +%s%N)\n{{ {job}; }} > /dev/null\nended=$(date +%s%N)\necho $(((ended - began) / 1000))\n",
            files,
            opens: files,
            bench => new Peer("docker run, untraced", goal, token =>
                ReadTimeAsync(
                    token,
                    [
                        .. DockerClient.RunImage(
                            DockerClient.PythonImage,
                            "--volume",
                            $"{bench.Workspace}:/workspace:ro",
                            "--tmpfs",
                            "/tmp"
                        ),
                        "sh",
                        $"/workspace/{Script}",
                    ]
                )
            )
        );

    private static async Task<TimeSpan> ReadTimeAsync(CancellationToken cancellationToken, params string[] command) =>
        Time((await ExternalProgram.ReadAsync(cancellationToken, command)).Split('\n')[^1]);

    private static TimeSpan Time(string microseconds) => TimeSpan.FromMicroseconds(long.Parse(microseconds, CultureInfo.InvariantCulture));
}
