using IsolatedAgents.Diagnostics;
using IsolatedAgents.Execution.UpToDate;
using Microsoft.Build.Framework;

namespace IsolatedAgents.Tasks;

/// <summary>Removes the outputs, reports and state of a project's gates. Leaves what belongs to another gate, and audit logs.</summary>
[MSBuildMultiThreadableTask]
public sealed class CleanIsolatedAgents : Microsoft.Build.Utilities.Task
{
    /// <summary>Extension of the files in <see cref="StateDirectory"/> that name the folders of a gate, one a line.</summary>
    private const string FoldersPattern = "*.folders";

    /// <summary>The project whose gates they are.</summary>
    [Required]
    public string Project { get; set; } = "";

    /// <summary>Absolute folder with the state of the project's gates in one configuration.</summary>
    [Required]
    public string StateDirectory { get; set; } = "";

    /// <inheritdoc/>
    public override bool Execute()
    {
        if (!Directory.Exists(StateDirectory))
        {
            return true;
        }

        try
        {
            foreach (string list in Directory.EnumerateFiles(StateDirectory, FoldersPattern, SearchOption.AllDirectories))
            {
                foreach (string folder in File.ReadAllLines(list))
                {
                    GateFolder.Remove(Path.GetFullPath(folder, Path.GetDirectoryName(Project)!), Project);
                }
            }

            Directory.Delete(StateDirectory, recursive: true);
            RemoveWhereEmpty(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(StateDirectory))!, levels: 2);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            string message = $"What the agents of this project left could not be removed: {failure.Message}";
            DiagnosticLog.Write(Log, new Diagnostic(DiagnosticTable.Parameters, DiagnosticSeverity.Warning, message), StateDirectory);
        }

        return !Log.HasLoggedErrors;
    }

    // The folder of the project, and that of all projects that keep their state together.
    private static void RemoveWhereEmpty(string folder, int levels)
    {
        for (int level = 0; level < levels && !Directory.EnumerateFileSystemEntries(folder).Any(); level++)
        {
            Directory.Delete(folder);
            folder = Path.GetDirectoryName(folder)!;
        }
    }
}
