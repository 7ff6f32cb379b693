using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>
/// Folders that paths led through lately, held open: what is in them is then found by one call, and the way to them need not be gone again.
/// Holds no folder of the process file system, where the same path is another one's for each process. What somebody outside moves is
/// noticed within a second; what the agent itself moves, by <see cref="Forget"/>.
/// </summary>
internal sealed unsafe class FolderCache
{
    private const int Slots = 128;
    private const long LifetimeMilliseconds = 1000;

    // A move that was let pass takes place a little later.
    private const long PauseMilliseconds = 20;

    private readonly Slot[] _slots = new Slot[Slots];
    private readonly PathBuffer _leads = new();
    private long _pausedUntil;

    /// <summary>
    /// Finds a folder by its absolute path, which may lead through links. False where it is not there, or is none to hold.
    /// </summary>
    /// <param name="path">With a 0 behind it.</param>
    /// <param name="fd">Open, and this cache's.</param>
    /// <param name="leads">Where it leads: without links.</param>
    public bool TryFind(ReadOnlySpan<byte> path, out int fd, out ReadOnlySpan<byte> leads)
    {
        long now = Environment.TickCount64;
        ref Slot slot = ref _slots[(int)(TextHash.Add(0, path) % Slots)];
        if (slot.IsHeld && slot.Path.AsSpan(0, slot.PathLength).SequenceEqual(path))
        {
            if (now - slot.Since <= LifetimeMilliseconds)
            {
                fd = slot.Fd;
                leads = slot.Leads.AsSpan(0, slot.LeadsLength);
                return true;
            }

            slot.Release();
        }

        leads = default;
        fd = now < _pausedUntil ? -1 : Open(path);
        if (fd < 0)
        {
            return false;
        }

        slot.Release();
        slot.Hold(fd, path, _leads.Bytes, now);
        leads = slot.Leads.AsSpan(0, slot.LeadsLength);
        return true;
    }

    /// <summary>The agent moves or removes a folder or a link: paths may lead elsewhere from now on.</summary>
    public void Forget()
    {
        _pausedUntil = Environment.TickCount64 + PauseMilliseconds;
        foreach (ref Slot slot in _slots.AsSpan())
        {
            slot.Release();
        }
    }

    // Leaves in _leads where it leads.
    private int Open(ReadOnlySpan<byte> path)
    {
        int fd = KernelPath.Open(path, OpenDirectory, ResolveNoSymbolicLinks);
        if (fd >= 0)
        {
            _leads.Clear();
            _leads.Append(path[..^1]);
        }
        else if (Marshal.GetLastPInvokeError() == TooManyLinks)
        {
            fd = KernelPath.Open(path, OpenDirectory, ResolveNoMagicLinks);
            if (fd >= 0 && !KernelPath.TryRead(fd, _leads))
            {
                LibC.close(fd);
                return -1;
            }
        }

        if (fd >= 0 && KernelPath.IsOfProcess(_leads.Bytes))
        {
            LibC.close(fd);
            return -1;
        }

        return fd;
    }

    private struct Slot
    {
        public bool IsHeld { get; private set; }

        public int Fd { get; private set; }

        public long Since { get; private set; }

        public byte[] Path { get; private set; }

        public int PathLength { get; private set; }

        public byte[] Leads { get; private set; }

        public int LeadsLength { get; private set; }

        public void Hold(int fd, ReadOnlySpan<byte> path, ReadOnlySpan<byte> leads, long now)
        {
            (IsHeld, Fd, Since) = (true, fd, now);
            (Path, PathLength) = (Fill(Path, path), path.Length);
            (Leads, LeadsLength) = (Fill(Leads, leads), leads.Length);
        }

        public void Release()
        {
            if (IsHeld)
            {
                LibC.close(Fd);
                IsHeld = false;
            }
        }

        private static byte[] Fill(byte[]? memory, ReadOnlySpan<byte> bytes)
        {
            const int Least = 64;
            byte[] filled = memory is not null && memory.Length >= bytes.Length ? memory : new byte[Math.Max(Least, bytes.Length * 2)];
            bytes.CopyTo(filled);
            return filled;
        }
    }
}
