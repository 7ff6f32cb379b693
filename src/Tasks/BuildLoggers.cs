using IsolatedAgents.Execution.Resolution;
using Microsoft.Build.Utilities;
using Microsoft.Extensions.Logging;

namespace IsolatedAgents.Tasks;

/// <summary>
/// The loggers of a run, made when the first one is asked for: a step that is skipped asks for none, and does not wait until the libraries
/// behind them are loaded.
/// </summary>
internal sealed class BuildLoggers(TaskLoggingHelper log, TelemetrySettings settings) : ILoggerFactory
{
    private LoggerFactory? _loggers;
    private BuildLogProvider? _provider;

    public ILogger CreateLogger(string categoryName) => (_loggers ??= Create()).CreateLogger(categoryName);

    public void AddProvider(ILoggerProvider provider) => (_loggers ??= Create()).AddProvider(provider);

    public void Dispose()
    {
        _loggers?.Dispose();
        _provider?.Dispose();
    }

    // Not by a builder: that starts a container of services first.
    private LoggerFactory Create()
    {
        _provider = new BuildLogProvider(log, settings);
        return new LoggerFactory([_provider], new LoggerFilterOptions { MinLevel = LogLevel.Trace });
    }
}
