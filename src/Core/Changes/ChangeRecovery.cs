using System.Security.Cryptography;
using IsolatedAgents.Workspaces;

namespace IsolatedAgents.Changes;

/// <summary>
/// Workspaces into which a run that was killed had put a part of its changes: they are as they were before it, and nothing of it is left in
/// them.
/// </summary>
/// <param name="Workspace">Absolute host path.</param>
/// <param name="Problem">Why it could not be done; null where it was, or was only looked for.</param>
internal sealed record RecoveredWorkspace(string Workspace, string? Problem);

/// <summary>Takes back what killed runs have begun.</summary>
internal static class ChangeRecovery
{
    /// <summary>Takes it back, or only names it.</summary>
    public static IReadOnlyList<RecoveredWorkspace> Run(bool onlyLook) => Run(Path.GetTempPath(), onlyLook);

    /// <summary>The same for runs whose journals lie in <paramref name="parent"/>.</summary>
    internal static IReadOnlyList<RecoveredWorkspace> Run(string parent, bool onlyLook)
    {
        List<RecoveredWorkspace> recovered = [];
        foreach (ChangeJournal journal in ChangeJournal.FindOwnerless(parent))
        {
            using (journal)
            {
                recovered.Add(new RecoveredWorkspace(journal.Workspace, onlyLook ? null : Recover(journal)));
            }
        }

        return recovered;
    }

    private static string? Recover(ChangeJournal journal)
    {
        try
        {
            if (Directory.Exists(journal.Staging) && new DirectoryInfo(journal.Staging).LinkTarget is null)
            {
                if (journal.Read() is { } steps)
                {
                    TakeBack(journal, steps);
                    journal.Write(null);
                }

                Directory.Delete(journal.Staging, recursive: true);
            }

            journal.Remove();
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return failure.Message;
        }
    }

    private static void TakeBack(ChangeJournal journal, ChangeSteps steps)
    {
        foreach (ChangeStep step in steps.Files.Reverse())
        {
            string target = Path.Combine(journal.Workspace, step.Path.Replace('/', Path.DirectorySeparatorChar));
            string? kept = step.Kept is null ? null : Path.Combine(journal.Staging, step.Kept);
            if (step.Link is not null)
            {
                TakeLinkBack(journal.Workspace, step, kept);
                continue;
            }

            bool isDone = step.Ready is null ? File.Exists(kept) : !File.Exists(Path.Combine(journal.Staging, step.Ready));
            if (!isDone || LeadsThroughLink(journal.Workspace, step.Path))
            {
                continue;
            }

            FileInfo there = new(target);
            if (there.LinkTarget is not null || (there.Exists && (step.NewHash is null || Hash(there) != step.NewHash)))
            {
                // Somebody has put something else there since, and keeps it.
                continue;
            }

            if (kept is null)
            {
                there.Delete();
            }
            else if (File.Exists(kept) && (step.NewHash is null || there.Exists))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Move(kept, target, overwrite: true);
            }
        }

        foreach (string folder in steps.NewFolders.Reverse().Select(folder => Path.Combine(journal.Workspace, folder)))
        {
            if (
                Directory.Exists(folder)
                && new DirectoryInfo(folder).LinkTarget is null
                && !Directory.EnumerateFileSystemEntries(folder).Any()
            )
            {
                Directory.Delete(folder);
            }
        }
    }

    // What was moved away for a link may be all that was done.
    private static void TakeLinkBack(string workspace, ChangeStep step, string? kept)
    {
        FileInfo there = new(Path.Combine(workspace, step.Path.Replace('/', Path.DirectorySeparatorChar)));
        if (LeadsThroughLink(workspace, step.Path))
        {
            return;
        }

        if (there.LinkTarget == step.Link)
        {
            there.Delete();
            there.Refresh();
        }

        if (kept is not null && File.Exists(kept) && there is { LinkTarget: null, Exists: false })
        {
            File.Move(kept, there.FullName);
        }
    }

    private static bool LeadsThroughLink(string workspace, string path) =>
        WorkspaceOriginal.Above(path).Any(folder => new DirectoryInfo(Path.Combine(workspace, folder)).LinkTarget is not null);

    private static string Hash(FileInfo file)
    {
        using FileStream content = file.OpenRead();
        return Convert.ToHexStringLower(SHA256.HashData(content));
    }
}
