using IsolatedAgents.Diagnostics;
using IsolatedAgents.Telemetry;
using Microsoft.Build.Utilities;

namespace IsolatedAgents.Tasks;

/// <summary>Writes diagnostics as errors and warnings of the build. Nothing else does, so that none appears twice.</summary>
internal static class DiagnosticLog
{
    public static void Write(TaskLoggingHelper log, Diagnostic diagnostic)
    {
        // No file, line 0: MSBuild then gives the place of the step.
        object[] text = [UntrustedText.Display(diagnostic.Message)];
        if (diagnostic.Severity == DiagnosticSeverity.Error)
        {
            log.LogError(null, diagnostic.Code, null, diagnostic.HelpLink, diagnostic.File, diagnostic.Line, diagnostic.Column, 0, 0, "{0}", text);
        }
        else
        {
            log.LogWarning(null, diagnostic.Code, null, diagnostic.HelpLink, diagnostic.File, diagnostic.Line, diagnostic.Column, 0, 0, "{0}", text);
        }
    }
}
