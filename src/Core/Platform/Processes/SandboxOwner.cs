using System.Globalization;
using IsolatedAgents.Platform.Files;

namespace IsolatedAgents.Platform.Processes;

/// <summary>Whether the process that something was made for still is.</summary>
internal enum OwnerState
{
    /// <summary>It runs.</summary>
    Alive,

    /// <summary>It surely does not run any more.</summary>
    Gone,

    /// <summary>It cannot be told from here: another machine, an earlier boot, or numbers of another namespace.</summary>
    Unknown,
}

/// <summary>A process, told apart from every other one there ever was on any machine.</summary>
/// <param name="BootId">Its machine, from one start to the next.</param>
/// <param name="PidNamespace">Inode of the namespace in which its number counts.</param>
/// <param name="Pid">Its number.</param>
/// <param name="StartTicks">When it started, in the kernel's ticks since boot: a number is used again, with another start.</param>
internal sealed record SandboxOwner(string BootId, long PidNamespace, int Pid, long StartTicks)
{
    /// <summary>This process; null where the system does not tell.</summary>
    public static SandboxOwner? Current { get; } =
        OperatingSystem.IsLinux() && ProcessIdentity.StartTicks(Environment.ProcessId) is { } ticks
            ? new SandboxOwner(HostBoot.Id, FileIdentity.PidNamespace(), Environment.ProcessId, ticks)
            : null;

    /// <summary>Reads what <see cref="ToString"/> gives; null for anything else.</summary>
    public static SandboxOwner? Parse(string text) =>
        text.Split(' ') is [{ Length: > 0 } boot, { } space, { } pid, { } start]
        && long.TryParse(space, NumberStyles.None, CultureInfo.InvariantCulture, out long spaceInode)
        && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
        && long.TryParse(start, NumberStyles.None, CultureInfo.InvariantCulture, out long ticks)
            ? new SandboxOwner(boot, spaceInode, number, ticks)
            : null;

    /// <summary>Whether it runs, as far as this process can tell. Never says gone of what may live.</summary>
    public OwnerState Judge()
    {
        if (Current is not { } current || BootId != current.BootId || PidNamespace != current.PidNamespace)
        {
            return OwnerState.Unknown;
        }

        if (!ProcessIdentity.Exists(Pid))
        {
            return OwnerState.Gone;
        }

        return ProcessIdentity.StartTicks(Pid) is { } ticks && ticks != StartTicks ? OwnerState.Gone : OwnerState.Alive;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{BootId} {PidNamespace} {Pid} {StartTicks}");
}
