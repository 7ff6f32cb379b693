using IsolatedAgents.Changes;
using IsolatedAgents.Outputs;
using IsolatedAgents.Reports;
using IsolatedAgents.Reports.Attestations;

namespace IsolatedAgents.Execution.UpToDate;

/// <summary>Removes what a gate keeps in its folder of outputs or reports, and no file of anybody else.</summary>
internal static class GateFolder
{
    /// <summary>The files of a report folder.</summary>
    private static readonly string[] ReportNames =
    [
        SessionRecord.FileName,
        ReportWriter.SarifName,
        ReportWriter.JUnitName,
        ReportWriter.SummaryName,
        ReportWriter.HtmlName,
        AttestationFile.Name,
        ChangeReport.ListName,
        ChangeReport.PatchName,
        ChangeReport.HeldPatchName,
        FolderOwnership.FileName,
    ];

    /// <param name="folder">Absolute path.</param>
    /// <param name="project">The project that the folder has to belong to.</param>
    /// <exception cref="IOException">A file cannot be removed.</exception>
    public static void Remove(string folder, string project)
    {
        folder = Path.TrimEndingDirectorySeparator(folder);
        OutputManifest? outputs = OutputManifest.Read(Path.Combine(folder, OutputDirectory.ManifestName));
        bool isOutput = outputs?.Owner?.Project == project;
        bool isReport = FolderOwnership.OfReports(folder)?.Project == project;
        if (isOutput)
        {
            RemoveFiles(folder, [.. outputs!.Files, OutputDirectory.ManifestName]);
        }

        if (isReport)
        {
            RemoveFiles(folder, ReportNames);
        }

        if (!isOutput && !isReport)
        {
            return;
        }

        // Folders on the way to it were made for it, as far as they are the project's.
        string home = Path.GetDirectoryName(project) + Path.DirectorySeparatorChar;
        for (
            string? parent = folder;
            parent?.StartsWith(home, StringComparison.Ordinal) == true && IsGoneOrEmpty(parent);
            parent = Path.GetDirectoryName(parent)
        )
        {
            if (Directory.Exists(parent))
            {
                Directory.Delete(parent);
            }
        }
    }

    private static bool IsGoneOrEmpty(string folder) => !Directory.Exists(folder) || !Directory.EnumerateFileSystemEntries(folder).Any();

    private static void RemoveFiles(string folder, string[] names)
    {
        string root = folder + Path.DirectorySeparatorChar;
        HashSet<string> folders = [folder];
        foreach (string name in names)
        {
            // A manifest is a file that somebody may have changed.
            string path = Path.GetFullPath(name, folder);
            if (!path.StartsWith(root, StringComparison.Ordinal) || HasLink(folder, path))
            {
                continue;
            }

            File.Delete(path);
            for (string? parent = Path.GetDirectoryName(path); parent?.Length > folder.Length; parent = Path.GetDirectoryName(parent))
            {
                folders.Add(parent);
            }
        }

        foreach (string emptied in folders.OrderByDescending(emptied => emptied.Length))
        {
            if (Directory.Exists(emptied) && IsGoneOrEmpty(emptied))
            {
                Directory.Delete(emptied);
            }
        }
    }

    // Below a link lie files that are not in the folder.
    private static bool HasLink(string folder, string path)
    {
        for (string? parent = Path.GetDirectoryName(path); parent?.Length > folder.Length; parent = Path.GetDirectoryName(parent))
        {
            if (new FileInfo(parent).LinkTarget is not null)
            {
                return true;
            }
        }

        return false;
    }
}
