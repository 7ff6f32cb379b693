using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;

namespace IsolatedAgents.Hosts.GitHub;

/// <summary>
/// The files by which a step hands values to the runner, which reads them when the step has ended. Without the file nothing is handed over.
/// </summary>
internal sealed class GitHubFiles(FrozenDictionary<string, string> environment)
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Sets an output of the step.</summary>
    public void SetOutput(string name, string value) => AppendValue("GITHUB_OUTPUT", name, value);

    /// <summary>Keeps a value for the step's clean-up, also if this process is killed next.</summary>
    public void SaveState(string name, string value) => AppendValue("GITHUB_STATE", name, value);

    // Between lines of a random word: a value that holds what looks like another one stays one value.
    private void AppendValue(string variable, string name, string value)
    {
        if (Find(variable) is not { } file)
        {
            return;
        }

        string delimiter;
        do
        {
            delimiter = $"ghadelimiter_{RandomNumberGenerator.GetHexString(32)}";
        } while (value.Contains(delimiter, StringComparison.Ordinal));
        Append(file, Utf8.GetBytes($"{name}<<{delimiter}\n{value}\n{delimiter}\n"));
    }

    private static void Append(string file, byte[] bytes)
    {
        using FileStream stream = new(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        stream.Write(bytes);
    }

    private string? Find(string variable) => environment.TryGetValue(variable, out string? path) && path.Length > 0 ? path : null;
}
