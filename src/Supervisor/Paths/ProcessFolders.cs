using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Paths;

/// <summary>
/// Remembers the folders behind the current folders and descriptors of the agent's processes. The folder of a thread's descriptors, in the
/// process file system, is held open where it is asked for again: from there the way is a third shorter. It leads nowhere once the thread
/// has ended, whoever gets its number then.
/// </summary>
internal sealed class ProcessFolders
{
    private const int Slots = 16;

    private readonly Slot[] _slots = new Slot[Slots];
    private readonly byte[] _link = new byte[64];

    /// <summary>
    /// Finds the path of a descriptor, or of the current folder where it is AT_FDCWD. False, and the last error, where there is none that
    /// can be read.
    /// </summary>
    public bool TryRead(int processId, int descriptor, PathBuffer path)
    {
        if (descriptor == CurrentDirectory)
        {
            KernelPath.Format("/proc/"u8, processId, "/cwd"u8, null, _link);
            return KernelPath.TryReadLink(_link, path);
        }

        ref Slot slot = ref _slots[processId % Slots];
        if (slot.ProcessId == processId)
        {
            if (!slot.IsHeld)
            {
                KernelPath.Format("/proc/"u8, processId, "/fd"u8, null, _link);
                slot.Hold(KernelPath.Open(_link, OpenDirectory, 0));
            }

            if (slot.IsHeld)
            {
                KernelPath.Format(default, descriptor, default, null, _link);
                if (KernelPath.TryReadLink(slot.Folder, _link, path))
                {
                    return true;
                }
            }
        }

        slot.Release();
        slot.ProcessId = processId;
        KernelPath.Format("/proc/"u8, processId, "/fd/"u8, descriptor, _link);
        return KernelPath.TryReadLink(_link, path)
            || (Marshal.GetLastPInvokeError() == AccessDenied && ProcessDescriptor.TryRead(processId, descriptor, path));
    }

    public void Forget()
    {
        foreach (ref Slot slot in _slots.AsSpan())
        {
            slot.Release();
        }
    }

    private struct Slot
    {
        private int _held;

        public int ProcessId { get; set; }

        public readonly bool IsHeld => _held > 0;

        public readonly int Folder => _held - 1;

        public void Hold(int fd) => _held = fd + 1;

        public void Release()
        {
            if (IsHeld)
            {
                LibC.close(Folder);
                _held = 0;
            }
        }
    }
}
