using Microsoft.Build.Framework;
using Microsoft.Build.Logging.StructuredLogger;

namespace IsolatedAgents.Package.Tests;

/// <summary>A build that has ended: what it gave back, what it said, and what its binary log holds.</summary>
internal sealed class BuildOutcome(int exitCode, string text, string log)
{
    private const string TaskLoaded = "Using \"RunIsolatedAgent\" task from assembly \"";

    private readonly Lazy<BuildEventArgs[]> _events = new(() =>
        [.. new BinLogReader().ReadRecords(log).Select(record => record.Args).OfType<BuildEventArgs>()]
    );

    public int ExitCode => exitCode;

    /// <summary>Standard output and standard error.</summary>
    public string Text => text;

    public string Log => log;

    public string[] Lines => text.Split('\n');

    public IReadOnlyList<BuildErrorEventArgs> Errors => [.. _events.Value.OfType<BuildErrorEventArgs>()];

    public IReadOnlyList<BuildWarningEventArgs> Warnings => [.. _events.Value.OfType<BuildWarningEventArgs>()];

    public IReadOnlyList<string> Messages => [.. _events.Value.OfType<BuildMessageEventArgs>().Select(message => message.Message ?? "")];

    /// <summary>How many agents ran, as steps of this build.</summary>
    public int Steps => _events.Value.OfType<TaskStartedEventArgs>().Count(task => task.TaskName == "RunIsolatedAgent");

    /// <summary>The file that the task of those steps was loaded from, as the log says.</summary>
    public string TaskAssembly =>
        Messages
            .Where(message => message.StartsWith(TaskLoaded, StringComparison.Ordinal))
            .Select(message => message[TaskLoaded.Length..].TrimEnd('.', '"'))
            .Distinct()
            .Single();

    /// <summary>Messages that say that a step was skipped.</summary>
    public int Skipped => Messages.Count(message => message.StartsWith("Skipped agent '", StringComparison.Ordinal));

    public void AssertPassed()
    {
        Assert.AreEqual(0, exitCode, text);
        Assert.IsEmpty(Errors, text);
        Assert.IsEmpty(Warnings, text);
    }

    /// <summary>The build failed with this one error.</summary>
    public BuildErrorEventArgs AssertFailed(string code)
    {
        Assert.AreEqual(1, exitCode, text);
        Assert.HasCount(1, Errors, text);
        Assert.AreEqual(code, Errors[0].Code, text);
        Assert.IsEmpty(Warnings, text);
        return Errors[0];
    }

    /// <summary>The build failed with this one error, at this place.</summary>
    public void AssertFailed(string code, string file, (int Line, int Column) place)
    {
        BuildErrorEventArgs error = AssertFailed(code);
        Assert.AreEqual((file, place.Line, place.Column), (error.File, error.LineNumber, error.ColumnNumber), text);
    }
}
