namespace IsolatedAgents.Execution.Resolution;

/// <summary>Hands progress on in the order it came, and can be waited for, unlike <see cref="Progress{T}"/>.</summary>
internal sealed class InOrderProgress(Func<string, ValueTask> report) : IProgress<string>
{
    private readonly Lock _lock = new();
    private Task _last = Task.CompletedTask;

    public void Report(string value)
    {
        lock (_lock)
        {
            _last = ReportAfterAsync(_last, value);
        }
    }

    /// <summary>Completes when everything reported was handed on.</summary>
    public Task CompleteAsync()
    {
        lock (_lock)
        {
            return _last;
        }
    }

    private async Task ReportAfterAsync(Task previous, string value)
    {
        await previous.ConfigureAwait(false);
        await report(value).ConfigureAwait(false);
    }
}
