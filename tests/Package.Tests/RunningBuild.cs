using System.Diagnostics;
using System.Globalization;

namespace IsolatedAgents.Package.Tests;

/// <summary>A build that goes on, and what it has said so far.</summary>
internal sealed class RunningBuild : IDisposable
{
    private readonly Process _process;
    private readonly string _log;
    private readonly Task _pumped;
    private readonly List<string> _lines = [];
    private readonly List<(string Text, TaskCompletionSource Seen)> _awaited = [];

    public RunningBuild(ProcessStartInfo start, string log)
    {
        _log = log;
        _process = Process.Start(start)!;
        _process.StandardInput.Close();
        _pumped = Task.WhenAll(PumpAsync(_process.StandardOutput), PumpAsync(_process.StandardError));
    }

    public int ProcessId => _process.Id;

    private string Text
    {
        get
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    /// <summary>Completes with the first line that holds the text.</summary>
    public async Task WhenLineAsync(string text, CancellationToken cancellationToken)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lines)
        {
            if (_lines.Any(line => line.Contains(text, StringComparison.Ordinal)))
            {
                return;
            }

            _awaited.Add((text, seen));
        }

        if (await Task.WhenAny(seen.Task, _pumped).WaitAsync(cancellationToken) != seen.Task)
        {
            Assert.IsTrue(seen.Task.IsCompleted, $"The build ended without '{text}':\n{Text}");
        }
    }

    /// <summary>Sends a signal by its name.</summary>
    public async Task SignalAsync(string signal, CancellationToken cancellationToken)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
        Assert.AreEqual(0, kill.ExitCode);
    }

    public async Task<BuildOutcome> CompleteAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        await _pumped.WaitAsync(cancellationToken);
        return new BuildOutcome(_process.ExitCode, Text, _log);
    }

    /// <summary>Completes when the process has ended, whoever still holds its output.</summary>
    public Task WhenEndedAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task PumpAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_lines)
            {
                _lines.Add(line);
                foreach ((string text, TaskCompletionSource seen) in _awaited)
                {
                    if (line.Contains(text, StringComparison.Ordinal))
                    {
                        seen.TrySetResult();
                    }
                }
            }
        }
    }
}
