using System.Collections.Frozen;
using System.Text;
using IsolatedAgents.Reports;

namespace IsolatedAgents.Hosts.GitHub;

/// <summary>The file in which GitHub Actions takes a step's summary. Several processes of one step may write it.</summary>
internal static class StepSummary
{
    /// <summary>The variable that names the file.</summary>
    private const string Variable = "GITHUB_STEP_SUMMARY";

    // A larger file is dropped whole.
    private const int MaxBytes = 1024 * 1024;
    private const int Attempts = 100;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Adds a run's summary, where the host has a file for it. Gives the reason where that fails, else null.</summary>
    public static string? Append(FrozenDictionary<string, string> environment, RunReport report) =>
        environment.GetValueOrDefault(Variable) is { Length: > 0 } file
            ? Append(file, Encoding.UTF8.GetBytes(SummaryMarkdown.Render(report)))
            : null;

    private static string? Append(string file, byte[] bytes)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                using FileStream stream = new(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
                if (stream.Length + bytes.Length >= MaxBytes)
                {
                    return "The step's summary has no room for this run; the report directory holds it.";
                }

                stream.Seek(0, SeekOrigin.End);
                stream.Write(bytes);
                return null;
            }
            catch (IOException) when (attempt < Attempts && File.Exists(file))
            {
                // Another run of this step is writing. It takes a moment.
                Thread.Sleep(Pause);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                return $"The step's summary '{file}' could not be written: {failure.Message}";
            }
        }
    }
}
