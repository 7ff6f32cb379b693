using IsolatedAgents.Diagnostics;
using IsolatedAgents.Text;
using Microsoft.Build.Utilities;

namespace IsolatedAgents.Tasks;

/// <summary>Writes diagnostics as errors and warnings of the build. Nothing else does, so that none appears twice.</summary>
internal static class DiagnosticLog
{
    /// <param name="log">The build's log.</param>
    /// <param name="diagnostic">What to write.</param>
    /// <param name="baseDirectory">
    /// The folder that relative paths start from. A build's log is read far from there: by a host, for a build of many projects.
    /// </param>
    public static void Write(TaskLoggingHelper log, Diagnostic diagnostic, string baseDirectory)
    {
        string? file = diagnostic.File is { } given ? Path.GetFullPath(given, baseDirectory) : null;

        // No file, line 0: MSBuild then gives the place of the step.
        object[] text = [UntrustedText.Display(diagnostic.Message)];
        if (diagnostic.Severity == DiagnosticSeverity.Error)
        {
            log.LogError(null, diagnostic.Code, null, diagnostic.HelpLink, file, diagnostic.Line, diagnostic.Column, 0, 0, "{0}", text);
        }
        else
        {
            log.LogWarning(null, diagnostic.Code, null, diagnostic.HelpLink, file, diagnostic.Line, diagnostic.Column, 0, 0, "{0}", text);
        }
    }
}
