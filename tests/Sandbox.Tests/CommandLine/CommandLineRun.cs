using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace IsolatedAgents.Sandbox.Tests.CommandLine;

/// <summary>What a process that has ended leaves.</summary>
/// <param name="ProcessId">Its id, which its containers are labelled with.</param>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">All of its standard output.</param>
/// <param name="Error">All of its standard error.</param>
internal sealed record CommandLineResult(int ProcessId, int ExitCode, string Output, string Error)
{
    public ImmutableArray<string> OutputLines => [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    public ImmutableArray<string> ErrorLines => [.. Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>Each line of standard output as the JSON object that it must be.</summary>
    public ImmutableArray<JsonElement> Events => [.. OutputLines.Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>The lines, usually one, that say why the run failed. Warnings may stand beside them.</summary>
    public void AssertEnd(int exitCode, string? code, int? errors = null)
    {
        Assert.AreEqual(exitCode, ExitCode, Error + Output);
        string[] found = [.. ErrorLines.Where(line => line.Contains("error IA", StringComparison.Ordinal))];
        Assert.HasCount(errors ?? (code is null ? 0 : 1), found, Error);
        if (code is not null)
        {
            Assert.Contains($"error {code}: ", found[0]);
        }

        Assert.IsTrue(
            ErrorLines.All(line =>
                line.Contains("error IA", StringComparison.Ordinal) || line.Contains("warning IA", StringComparison.Ordinal)
            ),
            Error
        );
    }
}

/// <summary>A running process of the command line.</summary>
internal sealed class CommandLineRun : IDisposable
{
    private readonly Process _process;
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private readonly List<(string Text, TaskCompletionSource Found)> _waiting = [];
    private readonly Task<string> _error;
    private readonly Task _output;
    private bool _isOutputEnded;
    private volatile bool _isClosing;
    private volatile TaskCompletionSource? _pause;

    public CommandLineRun(Process process)
    {
        _process = process;
        Id = process.Id;
        process.StandardInput.Close();
        _output = ReadOutputAsync();
        _error = process.StandardError.ReadToEndAsync();
    }

    public int Id { get; }

    /// <summary>Completes with the first line of standard output that holds a text.</summary>
    public Task WhenOutputAsync(string text, CancellationToken cancellationToken)
    {
        TaskCompletionSource found = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_lines.Any(line => line.Contains(text, StringComparison.Ordinal)))
            {
                found.SetResult();
            }
            else if (_isOutputEnded)
            {
                found.SetException(Missing(text));
            }
            else
            {
                _waiting.Add((text, found));
            }
        }

        return found.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Closes the reading end of standard output at its next line, as <c>head</c> does.</summary>
    public void CloseOutput() => _isClosing = true;

    /// <summary>Reads nothing more of standard output from its next line on, as a terminal that was told to stop.</summary>
    public void PauseOutput() => _pause = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Reads on.</summary>
    public void ResumeOutput()
    {
        TaskCompletionSource? pause = _pause;
        _pause = null;
        pause?.SetResult();
    }

    /// <summary>Sends a signal, as a terminal or a build host does.</summary>
    public async Task SignalAsync(string signal, CancellationToken cancellationToken)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
        Assert.AreEqual(0, kill.ExitCode, $"kill -{signal}");
    }

    /// <summary>Completes with what the process leaves when it has ended.</summary>
    public async Task<CommandLineResult> EndAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        await _output.WaitAsync(cancellationToken);
        return new CommandLineResult(
            Id,
            _process.ExitCode,
            string.Concat(_lines.Select(line => line + "\n")),
            await _error.WaitAsync(cancellationToken)
        );
    }

    public void Dispose()
    {
        // The end of the process is the end of its sandbox.
        ResumeOutput();
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private async Task ReadOutputAsync()
    {
        while (!_isClosing && await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            Take(line);
            await (_pause?.Task ?? Task.CompletedTask);
        }

        _process.StandardOutput.Dispose();
        lock (_lock)
        {
            _isOutputEnded = true;
            _waiting.ForEach(wanted => wanted.Found.TrySetException(Missing(wanted.Text)));
        }
    }

    private void Take(string line)
    {
        lock (_lock)
        {
            _lines.Add(line);
            foreach ((string text, TaskCompletionSource found) in _waiting)
            {
                if (line.Contains(text, StringComparison.Ordinal))
                {
                    found.TrySetResult();
                }
            }
        }
    }

    private InvalidOperationException Missing(string text) => new($"Standard output ended without '{text}': {string.Join('\n', _lines)}");
}
