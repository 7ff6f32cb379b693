using System.Diagnostics;
using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Outputs;
using IsolatedAgents.Supervisor.Verification;

namespace IsolatedAgents.Supervisor.Workspaces;

/// <summary>
/// The agent's private copy of the workspace: what it was before the agent started, and what differs from that. Looks with the agent's
/// rights over files, and follows no link.
/// </summary>
internal sealed class WorkspaceCopy
{
    private const long WatchMilliseconds = 1000;

    // To look at the copy is to take no more than this part of the time.
    private const int WatchShare = 20;

    // The kernel's clock for files moves by up to this much at once: what is written within it after the copy was looked at could not be
    // told from the copy.
    private static readonly TimeSpan ClockStep = TimeSpan.FromMilliseconds(20);

    private readonly string _path;
    private readonly Dictionary<string, FileStamp> _before = new(StringComparer.Ordinal);

    private WorkspaceCopy(string path) => _path = path;

    /// <summary>When <see cref="IsGrownBeyond"/> is due next, in milliseconds of the session.</summary>
    public long NextWatch { get; private set; } = WatchMilliseconds;

    /// <summary>Takes note of a copy that nobody changes yet.</summary>
    /// <exception cref="Setup.SetupException">It is not the agent's to change, or is too large.</exception>
    public static WorkspaceCopy Take(string path, int userId)
    {
        FileStatus status = SandboxCheck.Status(path, "workspace copy");
        SandboxCheck.Require((int)status.UserId == userId, "workspace copy", $"'{path}' does not belong to the agent's user");
        WorkspaceCopy copy = new(path);
        FileStamp newest = default;
        bool isWhole = copy.Look(
            WorkspaceBounds.MaxEntries,
            entry =>
            {
                copy._before.Add(Key(entry), entry.Stamp);
                newest =
                    (entry.Stamp.ChangedSeconds, entry.Stamp.ChangedNanoseconds).CompareTo(
                        (newest.ChangedSeconds, newest.ChangedNanoseconds)
                    ) > 0
                        ? entry.Stamp
                        : newest;
                return true;
            },
            mustBeWhole: true
        );
        SandboxCheck.Require(
            isWhole,
            "workspace copy",
            $"it has more than {WorkspaceBounds.MaxEntries} entries, or folders nested deeper than {WorkspaceBounds.MaxDepth}"
        );
        DateTimeOffset settled =
            DateTimeOffset.FromUnixTimeSeconds(newest.ChangedSeconds).AddTicks(newest.ChangedNanoseconds / TimeSpan.NanosecondsPerTick)
            + ClockStep;
        TimeSpan left = settled - TimeProvider.System.GetUtcNow();
        if (left > TimeSpan.Zero)
        {
            Thread.Sleep(left < ClockStep ? left : ClockStep);
        }

        return copy;
    }

    /// <summary>Whether the copy takes more than <paramref name="bytes"/>, or has more entries than any may have.</summary>
    public bool IsGrownBeyond(long bytes, long now)
    {
        long began = Stopwatch.GetTimestamp();
        long found = 0;
        bool isWhole = Look(WorkspaceBounds.MaxEntriesAfter, entry =>
        {
            found = OutputFolder.SaturatingAdd(found, Taken(entry));
            return true;
        });
        NextWatch = now + Math.Max(WatchMilliseconds, (long)Stopwatch.GetElapsedTime(began).TotalMilliseconds * WatchShare);
        return !isWhole || found > bytes;
    }

    /// <summary>
    /// Lists every entry that is new or may have been changed, in an order that is the same each time, and then those that are gone.
    /// </summary>
    /// <param name="maxEntries">How many entries the copy may have.</param>
    /// <param name="list">Takes one, which is not open; false ends the walk.</param>
    /// <param name="bytes">What the whole copy takes.</param>
    /// <returns>Whether all was looked at.</returns>
    public bool List(int maxEntries, Func<WorkspaceEntry, bool> list, out long bytes)
    {
        HashSet<string> left = [.. _before.Keys];
        long taken = 0;
        bool isWhole = OutputFolder.List(
            _path,
            maxEntries,
            entry =>
            {
                if (entry.Kind is OutputEntryKind.Unreadable or OutputEntryKind.TooDeep)
                {
                    // What cannot be looked at is not known to be gone.
                    string folder = Key(entry) + "/";
                    left.RemoveWhere(path => path.StartsWith(folder, StringComparison.Ordinal));
                }

                return list(Describe(entry));
            },
            WorkspaceBounds.MaxDepth,
            entry =>
            {
                taken = OutputFolder.SaturatingAdd(taken, Taken(entry));
                left.Remove(Key(entry));
                return IsUnchanged(entry);
            }
        );
        bytes = taken;
        return isWhole
            && left.Order(StringComparer.Ordinal)
                .All(path =>
                    list(new WorkspaceEntry(WorkspaceEntryKind.Deleted, IsExecutable: false, 0, Encoding.Latin1.GetBytes(path), []))
                );
    }

    /// <summary>Meets those entries, files open.</summary>
    /// <param name="paths">One character for each byte.</param>
    /// <param name="meet">Takes one; false ends the walk.</param>
    public void Meet(IReadOnlySet<string> paths, Func<OutputEntry, bool> meet) =>
        OutputFolder.Walk(
            _path,
            int.MaxValue,
            entry => !paths.Contains(Key(entry)) || meet(entry),
            WorkspaceBounds.MaxDepth,
            entry => !paths.Contains(Key(entry))
        );

    private static string Key(OutputEntry entry) => Encoding.Latin1.GetString(entry.Path);

    // A file may take more of a disk than it shows, or show more than it takes.
    private static long Taken(OutputEntry entry) => Math.Max(entry.Size, entry.DiskBytes);

    private static WorkspaceEntry Describe(OutputEntry entry) =>
        new(
            entry.Kind switch
            {
                OutputEntryKind.File => WorkspaceEntryKind.File,
                OutputEntryKind.SymbolicLink => WorkspaceEntryKind.Link,
                OutputEntryKind.SpecialFile => WorkspaceEntryKind.Special,
                OutputEntryKind.TooDeep => WorkspaceEntryKind.TooDeep,
                _ => WorkspaceEntryKind.Unreadable,
            },
            entry.Executable,
            entry.Size,
            entry.Path,
            entry.Target ?? []
        );

    private bool IsUnchanged(OutputEntry entry) => _before.TryGetValue(Key(entry), out FileStamp stamp) && stamp == entry.Stamp;

    // Opens no file. What is met is a folder that cannot be looked into.
    private bool Look(int maxEntries, Predicate<OutputEntry> look, bool mustBeWhole = false) =>
        OutputFolder.Walk(_path, maxEntries, _ => !mustBeWhole, WorkspaceBounds.MaxDepth, look);
}
