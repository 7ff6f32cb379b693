using System.Collections;
using Microsoft.Build.Framework;

namespace IsolatedAgents.Tasks;

/// <summary>A build that keeps what is logged.</summary>
internal sealed class RecordingEngine(string projectFile) : IBuildEngine
{
    private readonly Lock _logging = new();

    public List<BuildErrorEventArgs> Errors { get; } = [];

    public List<BuildWarningEventArgs> Warnings { get; } = [];

    public List<BuildMessageEventArgs> Messages { get; } = [];

    public bool ContinueOnError => false;

    public int LineNumberOfTaskNode => 5;

    public int ColumnNumberOfTaskNode => 3;

    public string ProjectFileOfTaskNode => projectFile;

    public bool BuildProjectFile(string projectFileName, string[] targetNames, IDictionary globalProperties, IDictionary targetOutputs) =>
        false;

    public void LogCustomEvent(CustomBuildEventArgs e) => throw new NotSupportedException();

    public void LogErrorEvent(BuildErrorEventArgs e) => Add(Errors, e);

    public void LogMessageEvent(BuildMessageEventArgs e) => Add(Messages, e);

    public void LogWarningEvent(BuildWarningEventArgs e) => Add(Warnings, e);

    private void Add<T>(List<T> list, T item)
    {
        lock (_logging)
        {
            list.Add(item);
        }
    }
}
