using System.Diagnostics;
using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Outputs;

namespace IsolatedAgents.Supervisor.Workspaces;

/// <summary>
/// The agent's private copy of the workspace: what it was before the agent started, and what differs from that. Looks with the agent's rights over files, and follows no link.
/// </summary>
internal sealed class WorkspaceCopy
{
    private const long WatchMilliseconds = 1000;

    // To look at the copy is to take no more than this part of the time.
    private const int WatchShare = 20;

    // The kernel's clock for files moves by up to this much at once: what is written within it after the copy was looked at could not be told from the copy.
    private static readonly TimeSpan ClockStep = TimeSpan.FromMilliseconds(20);

    private readonly string _path;
    private readonly Dictionary<string, FileStamp> _before = new(StringComparer.Ordinal);
    private long _bytesBefore;

    private WorkspaceCopy(string path) => _path = path;

    /// <summary>When <see cref="IsGrownBeyond"/> is due next, in milliseconds of the session.</summary>
    public long NextWatch { get; private set; } = WatchMilliseconds;

    /// <summary>Takes note of a copy that nobody changes yet.</summary>
    /// <exception cref="Launching.SetupException">It is not the agent's to change, or is too large.</exception>
    public static WorkspaceCopy Take(string path, int userId)
    {
        FileStatus status = SandboxCheck.Status(path, "workspace copy");
        SandboxCheck.Require((int)status.UserId == userId, "workspace copy", $"'{path}' does not belong to the agent's user");
        WorkspaceCopy copy = new(path);
        FileStamp newest = default;
        bool isWhole = copy.Look(WorkspaceBounds.MaxEntries, entry =>
        {
            copy._before.Add(Key(entry), entry.Stamp);
            copy._bytesBefore = OutputFolder.SaturatingAdd(copy._bytesBefore, entry.Size);
            newest = (entry.Stamp.ChangedSeconds, entry.Stamp.ChangedNanoseconds).CompareTo((newest.ChangedSeconds, newest.ChangedNanoseconds)) > 0 ? entry.Stamp : newest;
            return true;
        }, mustBeWhole: true);
        SandboxCheck.Require(isWhole, "workspace copy", $"it has more than {WorkspaceBounds.MaxEntries} entries, or folders nested deeper than {WorkspaceBounds.MaxDepth}");
        DateTimeOffset settled = DateTimeOffset.FromUnixTimeSeconds(newest.ChangedSeconds).AddTicks(newest.ChangedNanoseconds / TimeSpan.NanosecondsPerTick) + ClockStep;
        TimeSpan left = settled - TimeProvider.System.GetUtcNow();
        if (left > TimeSpan.Zero)
        {
            Thread.Sleep(left < ClockStep ? left : ClockStep);
        }

        return copy;
    }

    /// <summary>Whether the copy takes more than it did and <paramref name="bytes"/> on top.</summary>
    public bool IsGrownBeyond(long bytes, long now)
    {
        long began = Stopwatch.GetTimestamp();
        long limit = OutputFolder.SaturatingAdd(_bytesBefore, bytes);
        long found = 0;
        bool isWhole = Look(WorkspaceBounds.MaxEntries * 2, entry =>
        {
            found = OutputFolder.SaturatingAdd(found, entry.Size);
            return true;
        });
        NextWatch = now + Math.Max(WatchMilliseconds, (long)Stopwatch.GetElapsedTime(began).TotalMilliseconds * WatchShare);
        return !isWhole || found > limit;
    }

    /// <summary>Meets, as <see cref="OutputFolder.Walk"/> does, every entry that is new or may have been changed.</summary>
    /// <param name="maxEntries">How many entries the copy may have.</param>
    /// <param name="meet">Takes one; false ends the walk.</param>
    /// <param name="deleted">What is no longer there, once all was met.</param>
    public bool Walk(int maxEntries, Func<OutputEntry, bool> meet, out IReadOnlyCollection<byte[]> deleted)
    {
        HashSet<string> left = [.. _before.Keys];
        bool isWhole = OutputFolder.Walk(
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

                return meet(entry);
            },
            WorkspaceBounds.MaxDepth,
            entry =>
            {
                string key = Key(entry);
                left.Remove(key);
                return _before.TryGetValue(key, out FileStamp stamp) && stamp == entry.Stamp;
            });
        deleted = [.. left.Order(StringComparer.Ordinal).Select(Encoding.Latin1.GetBytes)];
        return isWhole;
    }

    private static string Key(OutputEntry entry) => Encoding.Latin1.GetString(entry.Path);

    // Opens no file. What is met is a folder that cannot be looked into.
    private bool Look(int maxEntries, Predicate<OutputEntry> look, bool mustBeWhole = false) =>
        OutputFolder.Walk(_path, maxEntries, _ => !mustBeWhole, WorkspaceBounds.MaxDepth, look);
}
