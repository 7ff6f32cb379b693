using System.Text.Json;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;

namespace IsolatedAgents.Outputs;

/// <summary>
/// The host folder that outputs end up in. It changes in one rename: before it holds what it held, after it holds all of a run's files, and
/// never some of them.
/// </summary>
internal sealed class OutputDirectory
{
    /// <summary>Marks a folder as ours, and names the files in it that are: those alone a later run may replace.</summary>
    public const string ManifestName = ".isolated-agents-outputs.json";

    // Any other trouble with a rename is no different the next time: a few times are enough to tell.
    private const int MaxAttempts = 20;

    private readonly FolderOwner? _owner;

    private OutputDirectory(string path, FolderOwner? owner)
    {
        FullPath = path;
        _owner = owner;
    }

    /// <summary>Absolute path.</summary>
    public string FullPath { get; }

    /// <summary>Looks whether outputs can go to a folder, and creates nothing.</summary>
    /// <param name="path">Absolute path.</param>
    /// <param name="owner">The gate that fills it; null where a run outside of a build does.</param>
    /// <exception cref="ConfigurationException">
    /// IA1003: it is a file, holds files that are not ours, or cannot be written. IA1004: it belongs to another gate.
    /// </exception>
    public static OutputDirectory Open(string path, FolderOwner? owner = null)
    {
        string fullPath = Path.TrimEndingDirectorySeparator(path);
        if (File.Exists(fullPath))
        {
            throw new ConfigurationException(DiagnosticTable.Parameters, $"The output directory '{fullPath}' is a file. Name a folder.");
        }

        FolderOwnership.Require("output", fullPath, ManifestIn(fullPath)?.Owner, owner);
        if (Directory.Exists(fullPath) && FirstForeignEntry(fullPath) is { } foreign)
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The output directory '{fullPath}' holds '{foreign}', which no run has put there. Name an empty or new folder; one that an earlier run filled is replaced."
            );
        }

        RequireWritable(fullPath);
        return new OutputDirectory(fullPath, owner);
    }

    /// <summary>A new folder beside this one, on the same file system, so that one rename suffices.</summary>
    public string CreateStaging(string sessionId)
    {
        string staging = $"{FullPath}.partial-{sessionId}";
        Directory.CreateDirectory(staging);
        return staging;
    }

    /// <summary>Puts a filled staging folder in place of what this folder held.</summary>
    public void Replace(string staging, string sessionId, IReadOnlyList<Artifact> artifacts)
    {
        File.WriteAllBytes(
            Path.Combine(staging, ManifestName),
            JsonSerializer.SerializeToUtf8Bytes(
                new OutputManifest(sessionId, [.. artifacts.Select(artifact => artifact.Name)], _owner),
                OutputManifestContext.Default.OutputManifest
            )
        );
        List<string> replaced = [];
        try
        {
            for (
                int attempt = 1;
                !TryReplace(staging, $"{FullPath}.replaced-{sessionId}-{attempt}", replaced, isLast: attempt == MaxAttempts);
                attempt++
            ) { }
        }
        catch when (replaced.Count > 0 && !Directory.Exists(FullPath))
        {
            Directory.Move(replaced[^1], FullPath);
            replaced.RemoveAt(replaced.Count - 1);
            throw;
        }
        finally
        {
            replaced.ForEach(old => Directory.Delete(old, recursive: true));
        }
    }

    // Between the two renames another run may put its outputs here: the one that comes later replaces them in turn.
    private bool TryReplace(string staging, string aside, List<string> replaced, bool isLast)
    {
        try
        {
            if (Directory.Exists(FullPath))
            {
                Directory.Move(FullPath, aside);
                replaced.Add(aside);
                // Another gate may have filled it since this run began.
                FolderOwnership.Require("output", FullPath, ManifestIn(aside)?.Owner, _owner);
            }

            Directory.Move(staging, FullPath);
            return true;
        }
        catch (IOException) when (!isLast && Directory.Exists(staging))
        {
            return false;
        }
    }

    private static OutputManifest? ManifestIn(string path) => OutputManifest.Read(Path.Combine(path, ManifestName));

    private static string? FirstForeignEntry(string path)
    {
        HashSet<string> ours = new(ManifestIn(path)?.Files ?? [], StringComparer.Ordinal);
        foreach (
            string file in Directory.EnumerateFiles(
                path,
                "*",
                new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }
            )
        )
        {
            string name = Path.GetRelativePath(path, file).Replace(Path.DirectorySeparatorChar, '/');
            if (name != ManifestName && !ours.Contains(name))
            {
                return name;
            }
        }

        return null;
    }

    private static void RequireWritable(string path)
    {
        // The nearest folder that exists is where the staging folder, or the folders up to it, will be made.
        string? parent = Path.GetDirectoryName(path);
        while (parent is not null && !Directory.Exists(parent))
        {
            if (File.Exists(parent))
            {
                throw new ConfigurationException(
                    DiagnosticTable.Parameters,
                    $"The output directory '{path}' cannot be made: '{parent}' is a file. Name a folder whose parents are folders."
                );
            }

            parent = Path.GetDirectoryName(parent);
        }

        if (parent is null)
        {
            throw new ConfigurationException(DiagnosticTable.Parameters, $"The output directory '{path}' has no existing parent folder.");
        }

        string probe = Path.Combine(parent, $".isolated-agents-{Guid.NewGuid():N}");
        try
        {
            using FileStream stream = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The output directory '{path}' cannot be written: no file can be made in '{parent}'{Cause(failure)}. Name a folder that this user may create files in."
            );
        }
    }

    // What the file system says of the probe names the probe, which nobody has heard of: its path is left out.
    private static string Cause(Exception failure) =>
        failure switch
        {
            UnauthorizedAccessException => " (permission denied)",
            FileNotFoundException or DirectoryNotFoundException => "",
            _ => $" ({failure.Message.Split(" : ")[0].TrimEnd('.')})",
        };
}
