using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Engines;

namespace IsolatedAgents.Sandbox;

/// <summary>Finds the supervisor that came with this library.</summary>
internal static class SupervisorExecutable
{
    private const UnixFileMode Needed = UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
    private const UnixFileMode Mode =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    /// <summary>
    /// Its path. In the sandbox it runs as a root without privileges over files, so everyone must be able to execute it, which an unpacked
    /// package does not grant.
    /// </summary>
    /// <exception cref="EngineException">IA2004: it is missing, or cannot be made executable.</exception>
    [UnconditionalSuppressMessage(
        "SingleFile",
        "IL3000",
        Justification = "In a native executable there is no such place, and the application's own folder serves."
    )]
    public static string Locate()
    {
        string folder = Path.GetDirectoryName(typeof(SupervisorExecutable).Assembly.Location) is { Length: > 0 } location
            ? location
            : AppContext.BaseDirectory;
        string path = PathBelow(folder);
        if (!File.Exists(path))
        {
            // A package holds this library once for each kind of machine that it is compiled for, and the supervisor once for all of them.
            string shared = PathBelow(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(folder)) ?? folder);
            path = File.Exists(shared)
                ? shared
                : throw new EngineException(
                    DiagnosticTable.IsolationUnavailable,
                    $"The sandbox's supervisor is missing at '{path}'. Install the package again."
                );
        }

        if (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & Needed) == Needed)
        {
            return path;
        }

        try
        {
            File.SetUnixFileMode(path, Mode);
            return path;
        }
        catch (UnauthorizedAccessException)
        {
            return Copy(path);
        }
    }

    private static string PathBelow(string folder) => Path.Combine(folder, "supervisor", "linux-x64", "isolated-agents-supervisor");

    // A package folder of another user: a copy under the content's hash, made whole by a rename, serves every later run.
    private static string Copy(string path)
    {
        byte[] content = File.ReadAllBytes(path);
        string folder = Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create),
            "isolated-agents",
            Convert.ToHexStringLower(SHA256.HashData(content))
        );
        string copy = Path.Combine(folder, Path.GetFileName(path));
        if (!File.Exists(copy))
        {
            Directory.CreateDirectory(folder);
            string partial = $"{copy}.{Guid.NewGuid():N}";
            File.WriteAllBytes(partial, content);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(partial, Mode);
            }

            File.Move(partial, copy, overwrite: true);
        }

        return copy;
    }
}
